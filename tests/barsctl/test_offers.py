"""Which networks are offered for trials: within budgets, the most promising first."""

from collections import defaultdict
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


def share(offered: Offers, choices: Choices) -> float:
    """Of a network that keeps to the limits."""
    found = offered.spending.share(choices)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def some() -> Offers:
    """What half of all networks keep to."""
    every = bops_offers(1e12)
    shares = sorted(share(every, each) for each in enumerated())
    return bops_offers(1e12 * shares[len(shares) // 2])


def fitting(offered: Offers) -> list[Choices]:
    """The networks that keep to the limits, the least promising first."""
    found = [each for each in enumerated() if offered.uses(each, 0.0)]
    return sorted(found, key=offered.promise.of)


def test_climb_from_little_ends_at_the_most_promising(some: Offers) -> None:
    """As enumeration finds it, also many changes away."""
    *poor, best = fitting(some)
    for start in poor[:8]:
        found, *others = some.climbed([start], FLAT, generator=generator())
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
    found, _ = some.climbed([start], held, generator=generator())
    changed = {name for name in found if found[name] != start[name]}
    assert changed
    assert not any(name.startswith("op/") for name in changed)


def test_climb_starts_from_the_most_promising(
    some: Offers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what makes no use of a budget is no start where others do."""
    starts: list[Choices] = []

    def noted(_: object, __: object, *, choices: Choices, **___: object) -> list[Choices]:
        starts.append(choices)
        return []

    monkeypatch.setattr(offers, "CLIMBS", 3)
    monkeypatch.setattr(offers, "neighbours", noted)
    every = fitting(some)
    using = [each for each in every if some.uses(each, 0.85)]
    assert 3 < len(using) < len(every)
    _, *others = some.climbed(every, FLAT, generator=generator())
    promised = list(map(some.promise.of, others))
    assert promised == sorted(map(some.promise.of, using), reverse=True)
    assert starts == others[:3]


@pytest.mark.parametrize("metric", ["bops", "ram"])
def test_near_a_network_the_most_promising_that_keeps_to_a_budget_is_first(metric: str) -> None:
    loose = offers_within(SMALL, hard_budgets([Budget(metric, 1e12)], SMALL, tables=()))

    def cost(choices: Choices) -> float:
        return 1e12 * share(loose, choices)

    own = dict.fromkeys(FLAT, 1)
    limit = 1.5 * cost(own)
    kept = offers_within(SMALL, hard_budgets([Budget(metric, limit)], SMALL, tables=()))
    found = list(kept.near(own, FLAT, generator=generator()))
    around = neighbours(SMALL, FLAT, choices=own, generator=generator())
    expected = [each for each in around if cost(own) <= cost(each) <= limit]
    assert 1 < len(found) < len(around)
    promised = list(map(kept.promise.of, found))
    assert promised == sorted(map(kept.promise.of, expected), reverse=True)
    assert sorted(map(options_of, found)) == sorted(map(options_of, expected))


def options_of(choices: Choices) -> list[int]:
    return [choices[name] for name in FLAT]


def test_of_equally_promising_networks_the_cheapest_is_first() -> None:
    """A convolution that nothing reads costs, and promises nothing."""
    space = replace(SMALL, nodes=2, stages=(Stage(32, 1),))
    flat = {name: np.zeros(len(options)) for name, options in decisions(space).items()}
    offered = offers_within(space, hard_budgets([Budget("bops", 1e12)], space, tables=()))
    own = dict.fromkeys(flat, 1)
    shares = defaultdict(list)
    for each in offered.near(own, flat, generator=generator()):
        shares[offered.promise.of(each)].append(share(offered, each))
    assert any(len(set(found)) > 1 for found in shares.values())
    assert all(found == sorted(found) for found in shares.values())


def test_near_what_makes_use_of_a_budget_all_do(some: Offers) -> None:
    own = max(fitting(some), key=lambda each: share(some, each))
    shares = [share(some, each) for each in some.near(own, FLAT, generator=generator())]
    assert share(some, own) == pytest.approx(1)
    assert 0.85 <= min(shares) < 0.99
    assert max(shares) <= 1


def test_limit_that_a_network_breaks_is_made_use_of_around_it(some: Offers) -> None:
    over = max(enumerated(), key=some.promise.of)
    assert not some.uses(over, 0.0)
    assert some.least_used(over) == 0.85
