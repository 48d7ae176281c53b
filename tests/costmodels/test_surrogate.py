"""The estimate that adds up: exact where costs do, of the right side where they do not."""

import numpy as np
import pytest

from costmodels.arena import ArenaBudget
from costmodels.choices_budget import SurrogateTerm
from costmodels.surrogate import fit_surrogate
from space.decisions import Choices, decisions
from space.genotype import choices_of, random_genotype
from space.presets import named_space
from targets.boards import ARMV7
from tests.example_spaces import TINY


def estimate(terms: tuple[SurrogateTerm, ...], choices: Choices) -> float:
    return sum(term.cost for term in terms if all(event.holds(choices) for event in term.events))


def networks(count: int) -> list[Choices]:
    rng = np.random.default_rng(1)
    return [choices_of(random_genotype(named_space("demo"), rng)) for _ in range(count)]


def test_costs_that_add_up_are_found() -> None:
    space = named_space("demo")

    def cost(choices: Choices) -> float:
        return 500 + 100 * choices["width/0"] + 30 * choices["depth/1"]

    terms = fit_surrogate(space, cost, limit=600)
    assert len(terms) == 1 + sum(len(options) for options in decisions(space).values())
    for choices in networks(20):
        assert estimate(terms, choices) == pytest.approx(cost(choices), rel=0.02)


@pytest.mark.parametrize("limit", [10e3, 13e3, 16e3])
def test_most_networks_are_on_the_right_side_of_the_limit(limit: float) -> None:
    """Of those within it, too, which are few: 2, 44 and 55 of these 400."""
    ram = ArenaBudget(named_space("demo"), ARMV7, limit)
    terms = tuple(ram.surrogate())
    assert terms == tuple(ram.surrogate())
    found = networks(400)
    within = np.array([ram.cost(choices) <= limit for choices in found])
    estimated = np.array([estimate(terms, choices) <= limit for choices in found])
    assert estimated[within].mean() >= 0.8
    assert estimated[~within].mean() <= 0.05


def test_equal_costs_have_no_slopes() -> None:
    always, *options = fit_surrogate(TINY, lambda _: 7.0, limit=7.0)
    assert always.events == ()
    assert always.cost == pytest.approx(7.0)
    assert all(term.cost == pytest.approx(0) for term in options)
