"""The multiple-choice knapsack: one item of each group, the largest value within all limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

Floats = NDArray[np.float64]
# Sums of the same costs in another order differ in their last bits.
RELATIVE_TOLERANCE = 1e-9
INFEASIBLE = 2  # scipy's status code
Forbidden = Mapping[int, NDArray[np.bool_]]
"""Group number -> which of its items: one of each of these groups must not be taken together."""


@dataclass(frozen=True, eq=False, slots=True)
class Group:
    """Items of which one is taken: values [items], costs [limits, items]."""

    values: Floats
    costs: Floats


def fits(costs: Floats, limits: Floats) -> NDArray[np.bool_]:
    """Whether costs [limits] keep to their limits, or which columns of [limits, columns] do."""
    highest = limits + RELATIVE_TOLERANCE * np.abs(limits)
    kept: NDArray[np.bool_] = np.all(costs.transpose() <= highest, axis=-1)
    return kept


def best_items(
    groups: Sequence[Group], limits: Floats, forbidden: Sequence[Forbidden] = ()
) -> tuple[int, ...] | None:
    """The item of each group with the largest sum of values (to 1e-6) whose costs keep to limits.

    None where there is none. Costs are not negative, limits positive.
    """
    touched = {number for combination in forbidden for number in combination}
    kept = [
        np.arange(len(group.values)) if number in touched else _undominated(group)
        for number, group in enumerate(groups)
    ]
    small = [Group(g.values[k], g.costs[:, k]) for g, k in zip(groups, kept, strict=True)]
    easy = tuple(int(np.argmax(group.values)) for group in small)
    is_allowed = not any(_is_taken(combination, easy) for combination in forbidden)
    if is_allowed and fits(_total(small, easy), limits):
        picks: tuple[int, ...] | None = easy
    else:
        picks = _solve(small, limits, forbidden)
    if picks is None:
        return None
    return tuple(int(items[pick]) for items, pick in zip(kept, picks, strict=True))


def _total(groups: Sequence[Group], picks: Sequence[int]) -> Floats:
    columns = [group.costs[:, pick] for group, pick in zip(groups, picks, strict=True)]
    total: Floats = np.sum(columns, axis=0)
    return total


def _is_taken(combination: Forbidden, picks: Sequence[int]) -> bool:
    return all(items[picks[number]] for number, items in combination.items())


def _undominated(group: Group) -> NDArray[np.intp]:
    """Items that no other item beats or equals in value and in every cost."""
    order = np.lexsort((*group.costs[::-1], -group.values))
    kept: list[int] = []
    for item in order:
        no_dearer = np.all(group.costs[:, kept] <= group.costs[:, [item]], axis=0)
        if not no_dearer.any():
            kept.append(int(item))
    return np.array(sorted(kept), np.intp)


def _solve(
    groups: Sequence[Group], limits: Floats, forbidden: Sequence[Forbidden]
) -> tuple[int, ...] | None:
    sizes = [len(group.values) for group in groups]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    values = np.concatenate([group.values for group in groups])
    costs = np.concatenate([group.costs for group in groups], axis=1) / limits[:, None]
    owner = np.repeat(np.arange(len(groups)), sizes)
    one_each = csr_array((np.ones(len(owner)), (owner, np.arange(len(owner)))))
    constraints = [LinearConstraint(one_each, 1, 1)]
    if len(limits):
        constraints.append(LinearConstraint(costs, ub=1))
    if forbidden:
        rows = np.zeros((len(forbidden), len(values)))
        for row, combination in zip(rows, forbidden, strict=True):
            for number, items in combination.items():
                row[starts[number] : starts[number + 1]] = items
        most = np.array([len(combination) - 1 for combination in forbidden])
        constraints.append(LinearConstraint(csr_array(rows), ub=most))
    while True:
        result = milp(
            -values, integrality=1, bounds=Bounds(0, 1), constraints=constraints,
            options={"mip_rel_gap": 0},
        )  # fmt: skip
        if result.status == INFEASIBLE:
            return None
        if not result.success:
            raise RuntimeError(f"the knapsack of {len(groups)} groups failed: {result.message}")
        picks = tuple(int(np.argmax(result.x[start:end])) for start, end in pairwise(starts))
        if fits(_total(groups, picks), limits):
            return picks
        # The solver's tolerance is wider than ours: forbid this solution and look again.
        chosen = np.zeros((1, len(values)))
        chosen[0, starts[:-1] + np.array(picks)] = 1
        constraints.append(LinearConstraint(chosen, ub=len(groups) - 1))
