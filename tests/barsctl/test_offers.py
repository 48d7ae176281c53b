"""Which networks are offered for trials: within budgets, the most promising first."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from barsctl import offers
from barsctl.budgets import Budget
from barsctl.candidates import neighbours
from barsctl.offers import Offers, offers_within
from barsctl.pricing import hard_budgets
from space.decisions import Choices, decisions, is_connected
from space.search_space import Stage
from tests.barsctl.tiny_runs import SPACE

SMALL = replace(
    SPACE, image_size=16, stages=(Stage(32, 1),) * 3, widths=(0.25, 0.5, 1.0), nodes=1,
    path="narrow", sharing="kind", primitives=("none", "skip", "bconv1x1", "bconv3x3"),
)  # fmt: skip
FLAT = {name: np.zeros(len(options)) for name, options in decisions(SMALL).items()}


def enumerated() -> list[Choices]:
    options = decisions(SMALL)
    every = product(*(range(len(values)) for values in options.values()))
    found = (dict(zip(options, choices, strict=True)) for choices in every)
    return [choices for choices in found if is_connected(options, choices)]


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def bops_offers(limit: float) -> Offers:
    return offers_within(SMALL, hard_budgets([Budget("bops", limit)], SMALL, tables=()))


@pytest.fixture(scope="module")
def some() -> Offers:
    """What half of all networks keep to."""
    every = bops_offers(1e12)
    shares = sorted(share for each in enumerated() if (share := every.spending.share(each)))
    return bops_offers(1e12 * shares[len(shares) // 2])


def within(offers: Offers) -> list[Choices]:
    """The networks that keep to the limits, the least promising first."""
    return sorted(filter(offers.spending.share, enumerated()), key=offers.promise.of)


def test_climb_from_little_ends_at_the_most_promising(some: Offers) -> None:
    """As enumeration finds it, also many changes away."""
    *poor, best = within(some)
    for start in poor[:8]:
        found, *others = some.climbed([start], FLAT, generator())
        assert others == [start]
        assert some.promise.of(found) == some.promise.of(best)
        assert sum(found[name] != start[name] for name in found) > 2
        assert some.uses(found, 0.85)


def test_climb_of_a_family_changes_no_edge_of_it(some: Offers) -> None:
    start = dict.fromkeys(FLAT, 1) | {"width/0": 0, "width/1": 0}
    held = {
        name: np.where(np.arange(len(each)) == start[name], 0.0, -np.inf)
        if name.startswith("op/")
        else each
        for name, each in FLAT.items()
    }
    found, _ = some.climbed([start], held, generator())
    changed = {name for name in found if found[name] != start[name]}
    assert changed
    assert not any(name.startswith("op/") for name in changed)


def test_climb_starts_from_the_most_promising(
    some: Offers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what makes no use of a budget is no start where others do."""
    monkeypatch.setattr(offers, "CLIMBS", 1)
    fitting = within(some)
    using = [each for each in fitting if some.uses(each, 0.85)]
    assert 0 < len(using) < len(fitting)
    _, *others = some.climbed(fitting, FLAT, generator())
    promised = list(map(some.promise.of, others))
    assert promised == sorted(map(some.promise.of, using), reverse=True)


@pytest.mark.parametrize("metric", ["bops", "ram"])
def test_near_a_network_the_most_promising_that_keeps_to_a_budget_is_first(metric: str) -> None:
    loose = offers_within(SMALL, hard_budgets([Budget(metric, 1e12)], SMALL, tables=()))

    def cost(choices: Choices) -> float:
        share = loose.spending.share(choices)
        assert share is not None
        return 1e12 * share

    own = dict.fromkeys(FLAT, 1)
    limit = 1.5 * cost(own)
    offers = offers_within(SMALL, hard_budgets([Budget(metric, limit)], SMALL, tables=()))
    found = list(offers.near(own, FLAT, generator()))
    around = neighbours(SMALL, FLAT, choices=own, generator=generator())
    expected = [each for each in around if cost(own) <= cost(each) <= limit]
    assert 1 < len(found) < len(around)
    assert found == sorted(expected, key=offers.promise.of, reverse=True)
    assert found != expected


def test_near_what_makes_use_of_a_budget_all_do(some: Offers) -> None:
    own = max(
        filter(some.spending.share, enumerated()), key=lambda each: some.spending.share(each) or 0
    )
    shares = [some.spending.share(each) for each in some.near(own, FLAT, generator())]
    assert some.spending.share(own) == 1
    assert shares
    assert all(share is not None and 0.85 <= share <= 1 for share in shares)
    assert any(share is not None and share < 1 for share in shares)
