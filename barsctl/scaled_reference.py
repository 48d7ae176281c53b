"""References scaled to a budget: the widest form whose predicted cost keeps to it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from costmodels.arena import arena_bytes
from costmodels.errors import BudgetUnreachable, UnpricedKernelError
from costmodels.knapsack import fits
from costmodels.latency_table import LatencyTable
from costmodels.protocol import network_cost
from space.graph import BlockGraph
from space.reference_names import ReferenceName, Stem
from space.references import REFERENCES
from space.search_space import CHANNEL_MULTIPLE
from targets.toolchain import Notify

from .budgets import Budget, format_cost
from .errors import BarsError
from .pricing import RAM, arena_target, cost_model, read_tables

MOST_CHANNELS = 1024
# A wider network may be predicted to cost a little less than a narrower one, but not by so much.
HOPELESS = 2.0
Price = Callable[[BlockGraph], float]


@dataclass(frozen=True, slots=True)
class ReferenceChoice:
    """Which form of a reference.

    channels: of its stem; None as published, or as many as keep to the budgets, whose latencies the
    tables (files) hold. stages: the first of them only; None for all.
    """

    channels: int | None = None
    stem: Stem = "published"
    stages: int | None = None
    budgets: tuple[Budget, ...] = ()
    tables: tuple[str, ...] = ()


PUBLISHED = ReferenceChoice()


@dataclass(frozen=True, slots=True)
class Images:
    """What a network reads: square images, and how many classes it tells apart."""

    channels: int
    size: int
    classes: int


def reference_graph(name: ReferenceName, choice: ReferenceChoice, images: Images) -> BlockGraph:
    """The network of a choice, whatever its budgets. Raises SpaceError where it does not fit."""
    build, shape = REFERENCES[name], (images.channels, images.size, images.classes)
    if choice.channels is None:
        return build(*shape, stem=choice.stem, stages=choice.stages)
    return build(*shape, channels=choice.channels, stem=choice.stem, stages=choice.stages)


def scaled(
    name: ReferenceName, choice: ReferenceChoice, images: Images, *, notify: Notify
) -> ReferenceChoice:
    """The choice with channels, if it has budgets and none yet.

    See `widest` for what is raised.
    """
    if choice.channels is not None or not choice.budgets:
        return choice

    def build(channels: int) -> BlockGraph:
        return reference_graph(name, replace(choice, channels=channels), images)

    tables = read_tables(map(Path, choice.tables))
    channels, costs = widest(name, build, choice.budgets, tables)
    notify(f"{name} with {channels} channels: predicted {_told(choice.budgets, costs)}")
    return replace(choice, channels=channels)


def widest(
    name: str,
    build: Callable[[int], BlockGraph],
    budgets: Sequence[Budget],
    tables: Sequence[LatencyTable],
) -> tuple[int, tuple[float, ...]]:
    """The most channels, in steps of 8, whose network keeps to all budgets, and what it costs.

    build: the network of a number of channels. A table need not price all numbers, but the one
    behind the answer. Raises BudgetUnreachable where 8 channels are too many, BarsError where the
    tables price too few numbers to tell, and what `cost_model` raises.
    """
    limits = np.array([budget.limit for budget in budgets])
    found = dict(_priced(build, [_price(budget, tables) for budget in budgets], limits))
    keeping = [channels for channels, costs in found.items() if fits(np.array(costs), limits)]
    asked = ", ".join(map(str, budgets))
    if not keeping and CHANNEL_MULTIPLE in found:
        least = min(found.values(), key=lambda costs: max(np.array(costs) / limits))
        raise BudgetUnreachable(
            f"{name} keeps to {asked} with no number of channels (smallest reachable "
            f"{_told(budgets, least)}); raise the budget, or take fewer --stages"
        )
    best = max(keeping, default=0)
    missing = best + CHANNEL_MULTIPLE
    if missing not in found and missing <= MOST_CHANNELS:
        raise BarsError(
            f"the tables do not price {name} with {missing} channels, so its widest network within "
            f"{asked} cannot be told; measure more, for the same images, stem and stages: "
            f"barsctl profile --reference {name} --channels {missing}..{best + 64} --resume"
        )
    return best, found[best]


def _priced(
    build: Callable[[int], BlockGraph], prices: Sequence[Price], limits: NDArray[np.float64]
) -> Iterator[tuple[int, tuple[float, ...]]]:
    """The numbers of channels that the tables price, with their costs, as far as it may matter."""
    for channels in range(CHANNEL_MULTIPLE, MOST_CHANNELS + 1, CHANNEL_MULTIPLE):
        graph = build(channels)
        try:
            costs = tuple(price(graph) for price in prices)
        except UnpricedKernelError:
            continue
        yield channels, costs
        if np.any(np.array(costs) > HOPELESS * limits):
            return


def _price(budget: Budget, tables: Sequence[LatencyTable]) -> Price:
    if budget.metric == RAM:
        target = arena_target(budget, tables)
        return lambda graph: arena_bytes(graph, target)
    model = cost_model(budget, tables)
    return lambda graph: network_cost(model, graph.blocks)


def _told(budgets: Sequence[Budget], costs: Sequence[float]) -> str:
    return ", ".join(
        f"{budget.name}={format_cost(budget.name, cost)}"
        for budget, cost in zip(budgets, costs, strict=True)
    )
