"""The multiple-choice knapsack: one item of each group, the largest value within all limits."""

from collections.abc import Sequence
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


def best_items(groups: Sequence[Group], limits: Floats) -> tuple[int, ...] | None:
    """The item of each group with the largest sum of values (to 1e-6) whose costs keep to limits.

    None where there is none. Costs are not negative, limits positive.
    """
    kept = [_undominated(group) for group in groups]
    small = [Group(g.values[k], g.costs[:, k]) for g, k in zip(groups, kept, strict=True)]
    easy = tuple(int(np.argmax(group.values)) for group in small)
    picks = easy if fits(_total(small, easy), limits) else _solve(small, limits)
    if picks is None:
        return None
    return tuple(int(items[pick]) for items, pick in zip(kept, picks, strict=True))


def _total(groups: Sequence[Group], picks: Sequence[int]) -> Floats:
    columns = [group.costs[:, pick] for group, pick in zip(groups, picks, strict=True)]
    total: Floats = np.sum(columns, axis=0)
    return total


def _undominated(group: Group) -> NDArray[np.intp]:
    """Items that no other item beats or equals in value and in every cost."""
    order = np.lexsort((*group.costs[::-1], -group.values))
    kept: list[int] = []
    for item in order:
        no_dearer = np.all(group.costs[:, kept] <= group.costs[:, [item]], axis=0)
        if not no_dearer.any():
            kept.append(int(item))
    return np.array(sorted(kept), np.intp)


def _solve(groups: Sequence[Group], limits: Floats) -> tuple[int, ...] | None:
    sizes = [len(group.values) for group in groups]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    values = np.concatenate([group.values for group in groups])
    costs = np.concatenate([group.costs for group in groups], axis=1) / limits[:, None]
    owner = np.repeat(np.arange(len(groups)), sizes)
    one_each = csr_array((np.ones(len(owner)), (owner, np.arange(len(owner)))))
    constraints = [LinearConstraint(one_each, 1, 1), LinearConstraint(costs, ub=1)]
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
