"""What every cost model keeps to, as a check for those who write one.

problems = check_cost_model(EnergyModel())
assert not problems, problems
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from space.blocks import Block
from space.cost_terms import CostTerm, cost_terms
from space.decode import decode
from space.genotype import choices_of, random_genotype
from space.presets import SPACES
from space.search_space import SearchSpace

from .protocol import CostModel, network_cost, term_costs

NETWORKS = 5


def check_cost_model(
    model: CostModel, *, spaces: Sequence[SearchSpace] = (SPACES["demo"],)
) -> tuple[str, ...]:
    """What a model breaks on the blocks of some spaces, in words; empty where it keeps to all."""
    return (*_naming(model), *(problem for space in spaces for problem in _pricing(model, space)))


def _naming(model: CostModel) -> Iterator[str]:
    if not isinstance(model, CostModel):
        yield f"{model!r} has no name, no unit or no cost(block)"
        return
    for what, text in (("name", model.name), ("unit", model.unit)):
        if not isinstance(text, str) or not text:
            yield f"{what} is {text!r}; must be a word"
    if isinstance(model.name, str) and set(model.name) & set("=@ "):
        yield f"name is {model.name!r}; a budget is written NAME=NUMBER: no '=', '@' or space"


def _pricing(model: CostModel, space: SearchSpace) -> Iterator[str]:
    terms = cost_terms(space)
    blocks = tuple(dict.fromkeys(term.block for term in terms))
    problems = [problem for block in blocks for problem in _block_pricing(model, block)]
    yield from (f"{space.name}: {problem}" for problem in problems)
    if not problems:
        yield from (f"{space.name}: {problem}" for problem in _adding(model, space, terms))


def _block_pricing(model: CostModel, block: Block) -> Iterator[str]:
    try:
        cost, again = float(model.cost(block)), float(model.cost(block))
    except Exception as error:  # whatever it is, it is the model's
        yield f"cost of {block} fails ({type(error).__name__}: {error})"
        return
    if not 0 <= cost < math.inf:
        yield f"cost of {block} is {cost}; must be finite and not negative"
    elif again != cost:
        yield f"cost of {block} is {cost} and then {again}; must be the same each time"


def _adding(model: CostModel, space: SearchSpace, terms: Sequence[CostTerm]) -> Iterator[str]:
    """Whether the terms under the choices of random networks cost what their blocks do."""
    costs, rng = term_costs(model, terms), np.random.default_rng(0)
    for _ in range(NETWORKS):
        genotype = random_genotype(space, rng)
        held = [term.holds(choices_of(genotype)) for term in terms]
        by_terms = float(costs[held].sum())
        by_blocks = network_cost(model, decode(genotype).blocks)
        if not math.isclose(by_terms, by_blocks, rel_tol=1e-9):
            yield f"a network costs {by_blocks} by its blocks and {by_terms} by its terms"
