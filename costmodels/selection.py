"""Choices under hard budgets, exactly: the most probable ones, the cheapest ones.

Costs add up over terms, and given widths and depths (a layout) each term depends on the edges of
one node. So every layout is a multiple-choice knapsack over nodes. Layouts are solved in the order
of an upper bound, a Lagrange relaxation of the budgets, until no other layout can be better.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from space.cost_terms import CostTerm
from space.decisions import Choices, Decisions, node_decisions

from .errors import BudgetUnreachable, CostError
from .knapsack import Group, best_items, fits
from .layout_tables import Layouts, NodeTable, layouts, node_tables
from .term_index import TermIndex, choices_cost

Floats = NDArray[np.float64]
# The probability of an option that softmax rounds to 0: improbable, still allowed.
MIN_LOG_PROBABILITY = -100.0
_MULTIPLIERS = (0.0, *np.geomspace(1e-2, 1e4, 36))


@dataclass(frozen=True, eq=False, slots=True)
class Budget:
    """The most that a network may cost: name and unit for messages, costs [terms], limit."""

    name: str
    unit: str
    costs: Floats
    limit: float

    def __post_init__(self) -> None:
        if not 0 < self.limit < float("inf"):
            raise CostError(f"{self.name}: limit {self.limit:g} {self.unit} must be above 0")


def within(index: TermIndex, budgets: Sequence[Budget], choices: Choices) -> bool:
    """Whether the choices keep to all budgets."""
    costs = np.array([choices_cost(index, budget.costs, choices) for budget in budgets])
    return bool(fits(costs, np.array([budget.limit for budget in budgets])))


def smallest_cost(
    options: Decisions, terms: Sequence[CostTerm], costs: Floats
) -> tuple[float, Choices]:
    """The smallest cost of any network, and choices that reach it."""
    free = {name: np.zeros(len(values)) for name, values in options.items()}
    tables = node_tables(options, terms, costs=costs[None], log_probabilities=free)
    all_layouts = _layouts_of(options)
    lowest = _lowest_costs(tables, all_layouts)[0]
    layout = int(np.argmin(lowest))
    picks = []
    for table in tables:
        row = table.layouts.index_of(all_layouts)[layout]
        picks.append(int(np.argmin(table.costs[0, row])))
    return float(lowest[layout]), _choices(all_layouts, layout, tables, picks)


def most_probable(
    options: Decisions,
    terms: Sequence[CostTerm],
    log_probabilities: Mapping[str, Floats],
    budgets: Sequence[Budget],
) -> Choices:
    """The choices of largest probability that keep to all budgets, where every node is connected.

    log_probabilities: [options] of each decision. Raises BudgetUnreachable where there are none.
    """
    floored = {
        name: np.maximum(np.asarray(log_probabilities[name], np.float64), MIN_LOG_PROBABILITY)
        for name in options
    }
    costs = np.array([budget.costs for budget in budgets]).reshape(len(budgets), len(terms))
    limits = np.array([budget.limit for budget in budgets])
    tables = node_tables(options, terms, costs=costs, log_probabilities=floored)
    all_layouts = _layouts_of(options)
    lowest = _lowest_costs(tables, all_layouts)
    values = sum(
        (floored[name][all_layouts.options[name]] for name in all_layouts.names),
        start=np.zeros(all_layouts.size),
    )
    bounds = _bounds(tables, all_layouts, values=values, limits=limits)
    bounds[~fits(lowest, limits)] = -np.inf
    best = _best_choices(tables, all_layouts, values=values, bounds=bounds, limits=limits)
    if best is None:
        raise BudgetUnreachable(_unreachable(budgets, lowest))
    return best


def _best_choices(
    tables: Sequence[NodeTable], all_layouts: Layouts, *,
    values: Floats, bounds: Floats, limits: Floats,
) -> Choices | None:  # fmt: skip
    """The best of all layouts; values and bounds [layouts], -inf where nothing can fit."""
    best_value, best = -np.inf, None
    for layout in np.argsort(-bounds, kind="stable"):
        if bounds[layout] <= best_value:
            break
        groups = list(_groups(tables, all_layouts, int(layout)))
        picks = best_items(groups, limits)
        if picks is None:
            continue
        value = values[layout] + sum(g.values[p] for g, p in zip(groups, picks, strict=True))
        if value > best_value:
            best_value, best = value, _choices(all_layouts, int(layout), tables, picks)
    return best


def _layouts_of(options: Decisions) -> Layouts:
    edges = {edge for edges in node_decisions(options).values() for edge in edges}
    return layouts(options, [name for name in options if name not in edges])


def _lowest_costs(tables: Sequence[NodeTable], all_layouts: Layouts) -> Floats:
    """[budgets, layouts]: each budget's smallest cost, were it the only one."""
    found: Floats = sum(
        (table.costs.min(axis=2)[:, table.layouts.index_of(all_layouts)] for table in tables),
        start=np.zeros((len(tables[0].costs), all_layouts.size)),
    )
    return found


def _bounds(
    tables: Sequence[NodeTable], all_layouts: Layouts, *, values: Floats, limits: Floats
) -> Floats:
    """[layouts]: no choices within the limits are more probable. Any multipliers give a bound."""
    best = np.full(all_layouts.size, np.inf)
    index = {table.layouts.names: table.layouts.index_of(all_layouts) for table in tables}
    for multipliers in _multiplier_grid(limits):
        sums: dict[tuple[str, ...], Floats] = {}
        for table in tables:
            priced = table.values - np.tensordot(multipliers, table.costs, axes=1)
            names = table.layouts.names
            sums[names] = sums.get(names, 0.0) + priced.max(axis=1)
        bound = values + float(multipliers @ limits)
        for names, total in sums.items():
            bound = bound + total[index[names]]
        best = np.minimum(best, bound)
    return best


def _multiplier_grid(limits: Floats) -> Iterator[Floats]:
    """Multipliers of each budget alone, and of all together."""
    directions = [np.ones(len(limits)), *np.eye(len(limits))]
    for direction in directions if len(limits) > 1 else directions[:1]:
        for multiplier in _MULTIPLIERS:
            yield multiplier * direction / limits


def _groups(tables: Sequence[NodeTable], all_layouts: Layouts, layout: int) -> Iterator[Group]:
    one = Layouts(
        all_layouts.names,
        (1,) * len(all_layouts.names),
        {name: column[[layout]] for name, column in all_layouts.options.items()},
    )
    for table in tables:
        row = table.layouts.index_of(one)[0]
        yield Group(table.values, table.costs[:, row])


def _choices(
    all_layouts: Layouts, layout: int, tables: Sequence[NodeTable], picks: Sequence[int]
) -> Choices:
    found = {name: int(column[layout]) for name, column in all_layouts.options.items()}
    for table, pick in zip(tables, picks, strict=True):
        found |= {
            edge: int(option) for edge, option in zip(table.edges, table.combos[pick], strict=True)
        }
    return found


def _unreachable(budgets: Sequence[Budget], lowest: Floats) -> str:
    smallest = [
        f"{budget.name} {budget.limit:g} {budget.unit} (smallest reachable {low:g})"
        for budget, low in zip(budgets, lowest.min(axis=1), strict=True)
    ]
    together = " together" if len(budgets) > 1 else ""
    return f"no network keeps to {', '.join(smallest)}{together}; raise a budget"
