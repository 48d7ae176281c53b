"""Choices under hard budgets, exactly: the most probable ones, the cheapest ones.

Costs add up over terms, and given widths and depths (a layout) each term depends on the edges of
one node. So every layout is a multiple-choice knapsack over nodes. Layouts are solved in the order
of an upper bound, a Lagrange relaxation of the budgets, until no other layout can be better.

Budgets on what does not add up judge the best solution of all layouts. One that breaks such a
budget names choices that must not come together; that combination is forbidden, in every layout,
and the search for the best goes on (logic-based Benders cuts). A layout whose best networks break
such budgets too often is given up: there the result may not be the best.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

import numpy as np
from numpy.typing import NDArray

from space.cost_terms import CostTerm
from space.decisions import Choices, Decisions, edge_decisions

from .choices_budget import ChoicesBudget, Conflict
from .errors import BudgetUnreachable, CostError
from .knapsack import Forbidden, Group, best_items, fits
from .layout_tables import Layouts, NodeTable, layouts, node_tables
from .term_index import TermIndex, choices_cost

Floats = NDArray[np.float64]
_MULTIPLIERS = (0.0, *np.geomspace(1e-2, 1e4, 36))
# Networks that may break a budget on what does not add up before the search for one is given up, of
# one layout before another is looked at, and of layouts that are drawn. Where a network would fit
# but for gaps between its buffers, only itself is forbidden: a layout may have thousands.
MAX_CONFLICTS, MAX_LAYOUT_CONFLICTS, MAX_DRAWN_CONFLICTS = 1000, 32, 128


@dataclass(frozen=True, eq=False, slots=True)
class AddedBudget:
    """The most that a network may cost: name and unit for messages, costs [terms], limit."""

    name: str
    unit: str
    costs: Floats
    limit: float

    def __post_init__(self) -> None:
        if not 0 < self.limit < float("inf"):
            raise CostError(f"{self.name}: limit {self.limit:g} {self.unit} must be above 0")


AnyBudget = AddedBudget | ChoicesBudget


def parted(budgets: Sequence[AnyBudget]) -> tuple[list[AddedBudget], list[ChoicesBudget]]:
    """The budgets on what adds up, and the others."""
    added = [budget for budget in budgets if isinstance(budget, AddedBudget)]
    return added, [budget for budget in budgets if not isinstance(budget, AddedBudget)]


def budget_cost(index: TermIndex, budget: AnyBudget, choices: Choices) -> float:
    """What the choices cost, in the budget's unit."""
    if isinstance(budget, AddedBudget):
        return choices_cost(index, budget.costs, choices)
    return budget.cost(choices)


def within(index: TermIndex, budgets: Sequence[AnyBudget], choices: Choices) -> bool:
    """Whether the choices keep to all budgets."""
    quick_first = sorted(budgets, key=lambda budget: not isinstance(budget, AddedBudget))
    return all(
        fits(np.array([budget_cost(index, budget, choices)]), np.array([budget.limit]))
        for budget in quick_first
    )


def smallest_cost(
    options: Decisions,
    terms: Sequence[CostTerm],
    costs: Floats,
    log_probabilities: Mapping[str, Floats] | None = None,
) -> tuple[float, Choices]:
    """The smallest cost of any network, and choices that reach it.

    log_probabilities: [options] of each decision; of all networks that are possible, if given.
    """
    if log_probabilities is None:
        log_probabilities = {name: np.zeros(len(values)) for name, values in options.items()}
    tables = node_tables(options, terms, costs=costs[None], log_probabilities=log_probabilities)
    all_layouts = _layouts_of(options)
    lowest = _lowest_costs(tables, all_layouts)[0]
    lowest[_values(all_layouts, log_probabilities) == -np.inf] = np.inf
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
    budgets: Sequence[AnyBudget],
) -> Choices:
    """The choices of largest probability that keep to all budgets, where every node is connected.

    log_probabilities: [options] of each decision; -inf for an option that is not allowed, however
    much a budget asks for it. Raises BudgetUnreachable where there are none.
    """
    space, lowest = _opened(options, terms, log_probabilities, budgets)
    bounds = _bounds(space.tables, space.layouts, values=space.values, limits=space.limits)
    bounds[~space.feasible] = -np.inf
    best = _best_choices(space, bounds)
    if best is None and max(space.broken.values(), default=0) == MAX_LAYOUT_CONFLICTS:
        raise _given_up(space)
    if best is None:
        added, _ = parted(budgets)
        kept = _kept(log_probabilities)
        raise BudgetUnreachable(_unreachable(added, lowest, space.others, kept=kept))
    return best


def most_probable_of_layouts(
    options: Decisions,
    terms: Sequence[CostTerm],
    log_probabilities: Mapping[str, Floats],
    budgets: Sequence[AnyBudget],
    drawn: Iterable[Choices],
) -> Iterator[Choices]:
    """Yield the most probable choices with each of some widths and depths that has any.

    drawn: the options of all widths and depths. Ends early where too many networks break budgets on
    what does not add up.
    """
    space, _ = _opened(options, terms, log_probabilities, budgets)
    names, counts = space.layouts.names, space.layouts.counts
    for each in drawn:
        if len(space.conflicts) >= MAX_DRAWN_CONFLICTS:
            return
        layout = int(np.ravel_multi_index([each[name] for name in names], counts))
        alone = np.full(space.layouts.size, -np.inf)
        alone[layout] = 0.0 if space.feasible[layout] else -np.inf
        best = _best_choices(space, alone)
        if best is not None:
            yield best


def _opened(
    options: Decisions,
    terms: Sequence[CostTerm],
    log_probabilities: Mapping[str, Floats],
    budgets: Sequence[AnyBudget],
) -> tuple["_Choosing", Floats]:
    """A space to choose from, and the smallest costs of its layouts: see `_lowest_costs`."""
    added, others = parted(budgets)
    costs = np.array([budget.costs for budget in added]).reshape(len(added), len(terms))
    limits = np.array([budget.limit for budget in added])
    tables = node_tables(
        options, terms, costs=costs, log_probabilities=log_probabilities, all_combos=bool(others)
    )
    all_layouts = _layouts_of(options)
    values = _values(all_layouts, log_probabilities)
    lowest = _lowest_costs(tables, all_layouts)
    lowest[:, values == -np.inf] = np.inf
    return _Choosing(tables, all_layouts, values, limits, others, fits(lowest, limits)), lowest


def _kept(log_probabilities: Mapping[str, Floats]) -> Choices:
    """The decisions of which one option alone is allowed."""
    allowed = {name: np.flatnonzero(each > -np.inf) for name, each in log_probabilities.items()}
    return {name: int(each[0]) for name, each in allowed.items() if len(each) == 1}


@dataclass(frozen=True, eq=False, slots=True)
class _Choosing:
    """A space to choose from, with what was found to break a budget.

    values [layouts]: log probabilities of widths and depths; feasible [layouts]: whether each of
    the limits alone could be kept; others: budgets that do not add up.
    """

    tables: Sequence[NodeTable]
    layouts: Layouts
    values: Floats
    limits: Floats
    others: Sequence[ChoicesBudget]
    feasible: NDArray[np.bool_]
    conflicts: list[Conflict] = field(default_factory=list)
    broken: Counter[int] = field(default_factory=Counter)
    """Networks of each layout that had a conflict."""

    def solve(self, layout: int) -> tuple[float, Choices] | None:
        """The best choices with this layout that have no known conflict, and their value."""
        forbidden = [
            self._forbidden(conflict)
            for conflict in self.conflicts
            if self._is_in(layout, conflict)
        ]
        if not all(forbidden):
            return None  # the layout alone is in conflict
        groups = list(_groups(self.tables, self.layouts, layout))
        picks = best_items(groups, self.limits, forbidden)
        if picks is None:
            return None
        value = self.values[layout] + sum(g.values[p] for g, p in zip(groups, picks, strict=True))
        return float(value), _choices(self.layouts, layout, self.tables, picks)

    def _is_in(self, layout: int, conflict: Conflict) -> bool:
        """Whether all events on widths and depths hold."""
        columns = self.layouts.options
        return all(
            int(columns[event.decision][layout]) in event.options
            for event in conflict
            if event.decision in columns
        )

    def _forbidden(self, conflict: Conflict) -> Forbidden:
        """The combos of each node under which its events hold."""
        found = {}
        for number, table in enumerate(self.tables):
            own = [event for event in conflict if event.decision in table.edges]
            if own:
                found[number] = np.all(
                    [
                        np.isin(table.combos[:, table.edges.index(e.decision)], list(e.options))
                        for e in own
                    ],
                    axis=0,
                )
        return found


def _best_choices(space: _Choosing, bounds: Floats) -> Choices | None:
    """The best of all layouts; bounds [layouts] of their values, -inf where nothing can fit.

    Always the layout of the highest bound is looked at; what is solved is its own bound, until it
    turns out to break a budget.
    """
    queue: list[tuple[float, int, Choices | None]] = [
        (-float(bound), layout, None) for layout, bound in enumerate(bounds) if bound > -np.inf
    ]
    heapify(queue)
    while queue:
        _, layout, choices = heappop(queue)
        if choices is not None:
            conflict = _first_conflict(space.others, choices)
            if conflict is None:
                return choices
            if len(space.conflicts) == MAX_CONFLICTS:
                raise _given_up(space)
            space.conflicts.append(conflict)
            space.broken[layout] += 1
            if space.broken[layout] == MAX_LAYOUT_CONFLICTS:
                continue
        solved = space.solve(layout)
        if solved is not None:
            heappush(queue, (-solved[0], layout, solved[1]))
    return None


def _given_up(space: _Choosing) -> BudgetUnreachable:
    names = ", ".join(budget.name for budget in space.others)
    return BudgetUnreachable(
        f"the {len(space.conflicts)} most probable combinations of choices are all over the "
        f"budget {names}, and no more are tried; raise it"
    )


def _first_conflict(budgets: Sequence[ChoicesBudget], choices: Choices) -> Conflict | None:
    conflicts = (budget.conflict(choices) for budget in budgets)
    return next((conflict for conflict in conflicts if conflict is not None), None)


def _layouts_of(options: Decisions) -> Layouts:
    edges = set(edge_decisions(options))
    return layouts(options, [name for name in options if name not in edges])


def _values(all_layouts: Layouts, log_probabilities: Mapping[str, Floats]) -> Floats:
    """[layouts]: the log probabilities of their widths and depths."""
    found: Floats = sum(
        (log_probabilities[name][all_layouts.options[name]] for name in all_layouts.names),
        start=np.zeros(all_layouts.size),
    )
    return found


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


def _unreachable(
    added: Sequence[AddedBudget], lowest: Floats, others: Sequence[ChoicesBudget], *, kept: Choices
) -> str:
    smallest = [
        f"{budget.name} {budget.limit:g} {budget.unit} (smallest reachable {low:g})"
        for budget, low in zip(added, lowest.min(axis=1), strict=True)
    ] + [
        f"{budget.name} {budget.limit:g} {budget.unit} "
        f"(smallest reachable found {budget.smallest_found(kept):g})"
        for budget in others
    ]
    together = " together" if len(smallest) > 1 else ""
    return f"no network keeps to {', '.join(smallest)}{together}; raise a budget"
