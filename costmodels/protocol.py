"""The one question that a cost model answers, and what all cost models share."""

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from space.blocks import Block
from space.cost_terms import CostTerm


@runtime_checkable
class CostModel(Protocol):
    """Prices a block; the cost of a network is the sum over its blocks."""

    @property
    def name(self) -> str: ...

    @property
    def unit(self) -> str: ...

    def cost(self, block: Block) -> float:
        """The cost of one block in the model's unit, finite and not negative."""


def network_cost(model: CostModel, blocks: Iterable[Block]) -> float:
    """The cost of a network, given its blocks."""
    return sum(model.cost(block) for block in blocks)


def term_costs(model: CostModel, terms: Sequence[CostTerm]) -> NDArray[np.float64]:
    """The cost of each term's block; equal blocks are priced once."""
    costs = {block: model.cost(block) for block in dict.fromkeys(term.block for term in terms)}
    return np.array([costs[term.block] for term in terms], np.float64)
