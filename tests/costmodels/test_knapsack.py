"""The multiple-choice knapsack against enumeration."""

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from costmodels.knapsack import Group, best_items, fits


def group(values: list[float], *costs: list[float]) -> Group:
    return Group(np.array(values), np.array(costs))


def enumerated(groups: list[Group], limits: list[float]) -> float | None:
    """The largest value within the limits."""
    values = [
        sum(g.values[i] for g, i in zip(groups, items, strict=True))
        for items in product(*(range(len(g.values)) for g in groups))
        if fits(
            np.sum([g.costs[:, i] for g, i in zip(groups, items, strict=True)], axis=0),
            np.array(limits),
        )
    ]
    return max(values, default=None)


def test_best_items_by_hand() -> None:
    # Both dear items cost 10; 7 allows the second one alone, which gains more.
    groups = [group([0, 3], [1, 5]), group([0, 4], [1, 5])]
    assert best_items(groups, np.array([7.0])) == (0, 1)
    assert best_items(groups, np.array([10.0])) == (1, 1)
    assert best_items(groups, np.array([2.0])) == (0, 0)
    assert best_items(groups, np.array([1.9])) is None


def test_a_cost_equal_to_the_limit_fits() -> None:
    groups = [group([0, 1], [0, 0.1]), group([0, 1], [0, 0.2])]
    assert best_items(groups, np.array([0.3])) == (1, 1)


def test_limits_hold_together() -> None:
    groups = [group([0, 1], [0, 1], [2, 0])]
    assert best_items(groups, np.array([0.5, 3.0])) == (0,)
    assert best_items(groups, np.array([3.0, 0.5])) == (1,)
    assert best_items(groups, np.array([0.5, 0.5])) is None


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("limit_count", [1, 2])
def test_finds_what_enumeration_finds(seed: int, limit_count: int) -> None:
    rng = np.random.default_rng(seed)
    groups = [
        Group(rng.normal(size=items), rng.integers(0, 20, (limit_count, items)) / 7.0)
        for items in rng.integers(1, 7, 5)
    ]
    for share in (0.1, 0.4, 0.7):
        limits = [float(sum(g.costs[k].max() for g in groups) * share) for k in range(limit_count)]
        items = best_items(groups, np.array(limits))
        best = enumerated(groups, limits)
        if best is None:
            assert items is None
            continue
        assert items is not None
        found = sum(g.values[i] for g, i in zip(groups, items, strict=True))
        assert found == pytest.approx(best, abs=1e-6)
        total = np.sum([g.costs[:, i] for g, i in zip(groups, items, strict=True)], axis=0)
        assert fits(total, np.array(limits))


def test_limits_hold_beyond_the_solvers_tolerance() -> None:
    # The better pair exceeds the limit by 1e-8 of it: a solver's tolerance would let it pass.
    groups = [group([0, 1], [0, 0.5]), group([0, 1], [0, 0.5 + 1e-8])]
    items = best_items(groups, np.array([1.0]))
    assert items in ((0, 1), (1, 0))


def sum_of_costs(groups: list[Group], items: tuple[int, ...]) -> NDArray[np.float64]:
    columns = [g.costs[:, i] for g, i in zip(groups, items, strict=True)]
    total: NDArray[np.float64] = np.sum(columns, axis=0)
    return total


@pytest.mark.parametrize("seed", range(6))
def test_forbidden_items_are_never_taken_together(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = [Group(rng.normal(size=4), rng.random((1, 4))) for _ in range(3)]
    pairs = [(0, 1), (1, 2), (0, 2), (0, 1)]
    forbidden = [{number: rng.random(4) < 0.6 for number in pair} for pair in pairs]
    for limits in (np.array([1.2]), np.array([9.0])):
        allowed = [
            items
            for items in product(range(4), repeat=3)
            if fits(
                np.sum([g.costs[:, i] for g, i in zip(groups, items, strict=True)], axis=0), limits
            )
            and not any(all(mask[items[n]] for n, mask in each.items()) for each in forbidden)
        ]
        found = best_items(groups, limits, forbidden)
        if not allowed:
            assert found is None
            continue
        values = {i: sum(g.values[k] for g, k in zip(groups, i, strict=True)) for i in allowed}
        assert found is not None
        assert values[found] == pytest.approx(max(values.values()), abs=1e-6)


def test_forbidden_items_hold_without_limits() -> None:
    groups = [Group(np.array([0.0, 3.0]), np.zeros((0, 2))) for _ in range(2)]
    both = {number: np.array([False, True]) for number in (0, 1)}
    assert best_items(groups, np.zeros(0), [both]) in ((0, 1), (1, 0))
