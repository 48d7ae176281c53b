"""Shares of budgets are those of pricing each network alone."""

from collections.abc import Callable

import numpy as np
import pytest

from costmodels.arena import ArenaBudget
from costmodels.protocol import term_costs
from costmodels.registry import COST_MODELS
from costmodels.selection import AddedBudget, AnyBudget, budget_cost, within
from costmodels.spending import spending
from costmodels.term_index import term_index
from space.cost_terms import cost_terms
from space.decisions import Choices, decisions
from targets.boards import X86_64
from tests.costmodels.test_selection import all_choices
from tests.example_spaces import TINY

INDEX = term_index(cost_terms(TINY))


def bops(limit: float) -> AddedBudget:
    return AddedBudget("bops", "", term_costs(COST_MODELS["bops"], cost_terms(TINY)), limit)


def arena(limit: float) -> ArenaBudget:
    return ArenaBudget(TINY, X86_64, limit)


def networks() -> list[Choices]:
    return all_choices(decisions(TINY))[::3]


def median_limit(budget: AnyBudget) -> float:
    return float(np.median([budget_cost(INDEX, budget, each) for each in networks()]))


@pytest.mark.parametrize("metrics", [(), ("bops",), ("ram",), ("bops", "ram")])
def test_shares_are_of_the_tightest_budget(metrics: tuple[str, ...]) -> None:
    kinds: dict[str, Callable[[float], AnyBudget]] = {"bops": bops, "ram": arena}
    budgets = [kinds[name](median_limit(kinds[name](1e9))) for name in metrics]
    share = spending(TINY, budgets).share
    found = [share(each) for each in networks()]
    for choices, used in zip(networks(), found, strict=True):
        costs = [budget_cost(INDEX, budget, choices) / budget.limit for budget in budgets]
        expected = max(costs, default=1.0) if within(INDEX, budgets, choices) else None
        assert used == expected
    assert not metrics or 0 < found.count(None) < len(found)
    assert [share(each) for each in networks()] == found


def test_nothing_dear_is_priced_twice_or_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not what breaks a budget that is quick to price, nor what has a known conflict."""
    priced: list[Choices] = []
    price = ArenaBudget.cost

    def noted(budget: ArenaBudget, choices: Choices) -> float:
        priced.append(choices)
        return price(budget, choices)

    dear, quick = arena(median_limit(arena(1e9))), bops(median_limit(bops(1e9)))
    monkeypatch.setattr(ArenaBudget, "cost", noted)
    share = spending(TINY, [dear]).share
    found = [share(each) for each in networks()]
    assert found.count(None) > 5
    assert len(priced) < len(networks()) - found.count(None) / 2
    priced.clear()
    assert [share(each) for each in networks()] == found
    assert priced == []
    share = spending(TINY, [dear, quick]).share
    assert any(share(each) is not None for each in networks())
    assert priced
    assert all(within(INDEX, [quick], each) for each in priced)
