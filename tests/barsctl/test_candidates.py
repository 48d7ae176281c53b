"""Candidates: networks within budgets, as probable as the architecture says."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from barsctl import candidates
from barsctl.budgets import Budget
from barsctl.candidates import candidate_choices, neighbours, regular_probabilities
from barsctl.network_rows import kept_choices
from barsctl.pricing import hard_budgets
from costmodels.protocol import network_cost
from costmodels.registry import COST_MODELS
from space.decisions import Choices, decisions, is_connected
from space.decode import decode
from space.genotype import genotype_of
from space.search_space import SearchSpace, Stage
from space.uniform import uniform_genotype, uniform_kinds
from tests.barsctl.tiny_runs import SPACE

BOPS = COST_MODELS["bops"]
ONE_STAGE = replace(SPACE, stages=(Stage(16, 1),))


def bops(choices: Choices) -> float:
    return network_cost(BOPS, decode(genotype_of(ONE_STAGE, choices)).blocks)


def random_probabilities(seed: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {
        name: np.log(generator.dirichlet(np.ones(len(options))))
        for name, options in decisions(ONE_STAGE).items()
    }


def enumerated() -> list[Choices]:
    options = decisions(ONE_STAGE)
    every = product(*(range(len(values)) for values in options.values()))
    found = [dict(zip(options, choices, strict=True)) for choices in every]
    return [choices for choices in found if is_connected(options, choices)]


@pytest.mark.parametrize("seed", range(3))
def test_first_candidate_is_what_enumeration_finds(seed: int) -> None:
    log_probabilities = random_probabilities(seed)

    def log_probability(choices: Choices) -> float:
        return sum(float(log_probabilities[name][option]) for name, option in choices.items())

    costs = sorted(bops(choices) for choices in enumerated())
    limit = costs[len(costs) * 2 // 3]
    assert 0 < limit < costs[-1]
    budgets = hard_budgets([Budget("bops", limit)], ONE_STAGE, tables=())
    found = candidate_choices(
        ONE_STAGE, log_probabilities, budgets, count=8, generator=np.random.default_rng(seed)
    )
    fitting = [choices for choices in enumerated() if bops(choices) <= limit]
    assert log_probability(found[0]) == pytest.approx(max(map(log_probability, fitting)))
    assert all(bops(choices) <= limit for choices in found)


def test_samples_make_use_of_the_budget() -> None:
    limit = max(bops(choices) for choices in enumerated())
    budgets = hard_budgets([Budget("bops", limit)], ONE_STAGE, tables=())
    found = candidate_choices(
        ONE_STAGE, random_probabilities(0), budgets, count=6, generator=np.random.default_rng(0)
    )
    assert len(found) == 6
    makes_use = [bops(choices) >= 0.85 * limit for choices in found[1:]]
    assert makes_use == sorted(makes_use, reverse=True)
    assert any(makes_use)
    # Nothing in the space makes use of four times the largest network's cost.
    loose = hard_budgets([Budget("bops", 4 * limit)], ONE_STAGE, tables=())
    every = candidate_choices(
        ONE_STAGE, random_probabilities(0), loose, count=6, generator=np.random.default_rng(0)
    )
    assert len(every) == 6


def test_candidates_are_different_networks() -> None:
    """Without its only cell, networks of one width are one network, whatever its topology."""
    certain = {
        name: np.log(np.full(len(options), 1 / len(options)))
        for name, options in decisions(ONE_STAGE).items()
    }
    certain["depth/0"] = np.array([0.0, -np.inf])
    found = candidate_choices(ONE_STAGE, certain, (), count=5, generator=np.random.default_rng(0))
    assert sorted(choices["width/0"] for choices in found) == [0, 1]


def test_candidates_have_other_widths_than_decided_ones() -> None:
    """Three layouts share the most probable topology; without its cell the fourth has none."""
    nearly = {
        name: np.log(np.array([1 - 1e-9] + [1e-9 / (len(options) - 1)] * (len(options) - 1)))
        for name, options in decisions(ONE_STAGE).items()
    }
    nearly |= {
        name: np.log(np.array([1e-9, 1 - 2e-9, 1e-9])) for name in nearly if name.startswith("op/")
    }
    found = candidate_choices(ONE_STAGE, nearly, (), count=4, generator=np.random.default_rng(0))
    layouts = {(choices["width/0"], choices["depth/0"]) for choices in found}
    assert len(layouts) == 3


def topologies_of_open_edges(*, openness: float) -> int:
    """How many topologies eight candidates have, where first options are the most probable."""
    found = candidate_choices(
        SPACE,
        {
            name: np.log(np.array([1 + 1e-3] + [openness] * (len(options) - 1)))
            for name, options in decisions(SPACE).items()
        },
        (),
        count=8,
        generator=np.random.default_rng(0),
    )
    edges = [name for name in decisions(SPACE) if name.startswith("op/")]
    return len({tuple(choices[edge] for edge in edges) for choices in found})


def test_candidates_of_open_edges_have_topologies_of_their_own() -> None:
    assert topologies_of_open_edges(openness=1e-9) < 4
    assert topologies_of_open_edges(openness=1.0) == 8


def test_samples_follow_the_probabilities() -> None:
    nearly = {
        name: np.log(np.array([0.998] + [0.002 / (len(options) - 1)] * (len(options) - 1)))
        for name, options in decisions(ONE_STAGE).items()
    }
    nearly |= {
        name: np.log(np.array([0.001, 0.998, 0.001])) for name in nearly if name.startswith("op/")
    }
    found = candidate_choices(ONE_STAGE, nearly, (), count=2, generator=np.random.default_rng(0))
    assert found[0] == {name: int(name.startswith("op/")) for name in nearly}


def test_neighbours_are_those_of_enumeration() -> None:
    own = next(choices for choices in enumerated() if choices["depth/0"] == 1)
    found = neighbours(
        ONE_STAGE, random_probabilities(0), choices=own, generator=np.random.default_rng(0)
    )
    near = [
        choices
        for choices in enumerated()
        if 0 < sum(choices[name] != own[name] for name in own) <= 2
    ]
    assert len(found) > 1
    assert sorted(map(options_of, found)) == sorted(map(options_of, near))


def options_of(choices: Choices) -> list[int]:
    return [choices[name] for name in decisions(ONE_STAGE)]


def test_of_many_neighbours_some_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(seed: int) -> list[Choices]:
        return neighbours(
            ONE_STAGE, random_probabilities(0), choices=enumerated()[-1],
            generator=np.random.default_rng(seed),
        )  # fmt: skip

    all_of_them = found(0)
    monkeypatch.setattr(candidates, "MOST_NEIGHBOURS", 5)
    assert 1 < len(found(0)) <= 5 < len(all_of_them)
    assert all(each in all_of_them for each in found(0))
    assert found(0) == found(0) != found(1)


def test_neighbours_have_no_option_that_is_left_out() -> None:
    left_out = random_probabilities(0)
    left_out["width/0"][0] = -np.inf
    own = dict.fromkeys(left_out, 1)

    def found(log_probabilities: dict[str, np.ndarray]) -> list[Choices]:
        return neighbours(
            ONE_STAGE, log_probabilities, choices=own, generator=np.random.default_rng(0)
        )

    assert {choices["width/0"] for choices in found(left_out)} == {1}
    alone = {
        name: np.where(np.arange(len(each)) == 1, 0.0, -np.inf) for name, each in left_out.items()
    }
    assert found(alone) == []


def flat_probabilities(space: SearchSpace, *, without: str = "") -> dict[str, np.ndarray]:
    """Of all options equally, but for one primitive."""
    flat = {}
    for name, options in decisions(space).items():
        flat[name] = np.array([-np.inf if option == without else 0.0 for option in options])
        flat[name] -= np.log(np.exp(flat[name]).sum())
    return flat


def test_regular_networks_have_the_cells_of_uniform_designs() -> None:
    space = replace(SPACE, primitives=("none", "skip", "bconv1x1", "bconv3x3"))
    kinds = dict(
        zip(
            uniform_kinds(space),
            regular_probabilities(space, flat_probabilities(space)),
            strict=True,
        )
    )
    assert set(kinds) == {"chain", "all-conv", "mixed-chain"}
    for kind, held in kinds.items():
        (topology,) = set(uniform_genotype(space, kind, depth=1, width=1.0).topologies.values())
        found = candidate_choices(space, held, (), count=6, generator=np.random.default_rng(0))
        networks = [genotype_of(space, choices) for choices in found]
        assert {each for network in networks for each in network.topologies.values()} == {topology}
        assert len({kept_choices(network) for network in networks}) == 6
        assert len({network.widths for network in networks}) > 1
        assert len({network.depths for network in networks}) > 1


def test_regular_networks_need_what_their_kind_is_made_of() -> None:
    """Of primitives that are kept out, or that the space lacks."""
    assert len(regular_probabilities(SPACE, flat_probabilities(SPACE, without="none"))) == 1
    assert regular_probabilities(SPACE, flat_probabilities(SPACE, without="bconv3x3")) == []
    assert len(regular_probabilities(SPACE, flat_probabilities(SPACE, without="skip"))) == 2
    smaller = replace(SPACE, primitives=("none", "bconv1x1"))
    assert regular_probabilities(smaller, flat_probabilities(smaller)) == []
