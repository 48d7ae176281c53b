import json
import re
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from barsctl import board_budgets
from barsctl.batches import all_batches
from barsctl.budgets import Budget
from barsctl.candidates import candidate_choices, neighbours
from barsctl.derive import DeriveSettings, derive
from barsctl.errors import BarsError
from barsctl.evaluate import accuracy
from barsctl.gap import discrete_accuracy
from barsctl.judge import JudgeSettings
from barsctl.machine import cpu_name
from barsctl.network_rows import KeptChoices, kept_choices
from barsctl.pricing import hard_budgets
from barsctl.random_numbers import initial_weights
from barsctl.ranking import Candidate, rank
from barsctl.search_run import search_run
from costmodels.errors import BudgetUnreachable
from costmodels.latency_table import LatencyTable
from costmodels.protocol import network_cost
from costmodels.registry import COST_MODELS
from space.decisions import Choices, decisions, is_connected
from space.decode import decode
from space.genotype import genotype_of, random_genotype, read_genotype
from space.graph import BlockGraph
from space.nn.supernet import Supernet
from space.search_space import Stage
from targets import build
from targets.measuring.measured import Failed, Measured
from tests.barsctl.tiny_runs import CPU, SEARCH, SPACE, tiny_config, tiny_dataset, write_images
from tests.barsctl.tiny_tables import write_table

BOPS = COST_MODELS["bops"]
ONE_STAGE = replace(SPACE, stages=(Stage(16, 1),))
SETTINGS = DeriveSettings(5, JudgeSettings(batch_size=16))


def candidate(share: float, log_probability: float = 0.0) -> Candidate:
    genotype = random_genotype(SPACE, np.random.default_rng(0))
    return Candidate(genotype, share, log_probability, {})


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


def test_best_candidate_is_the_most_accurate() -> None:
    """The official code sorted losses in descending order: its best was its worst."""
    ranking = rank([candidate(0.5), candidate(0.9), candidate(0.7)])
    assert [each.accuracy for each in ranking] == [0.9, 0.7, 0.5]


def test_more_probable_of_equally_accurate_comes_first() -> None:
    ranking = rank([candidate(0.5, -9), candidate(0.5, -3)])
    assert [each.log_probability for each in ranking] == [-3, -9]


def test_most_use_of_the_budget_comes_first_where_accuracies_are_equal() -> None:
    cheap, dear, wrong = (
        replace(candidate(share), costs={"size": cost})
        for share, cost in ((0.71, 2.0), (0.70, 9.0), (0.68, 10.0))
    )
    limits = {"size": 10.0}
    assert rank([cheap, wrong, dear], error=0.01 + 1e-9, limits=limits) == (dear, cheap, wrong)
    assert rank([cheap, wrong, dear], error=0.005, limits=limits) == (cheap, dear, wrong)


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
    # Nothing in the space makes use of three times the largest network's cost.
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


@pytest.mark.parametrize("spare", [1.05, 3])
def test_neighbours_are_those_of_enumeration(spare: float) -> None:
    """Of a network that makes use of the budget, and of one that does not."""
    own = next(choices for choices in enumerated() if choices["depth/0"] == 1)
    limit = spare * bops(own)
    found = neighbours(
        ONE_STAGE, random_probabilities(0), choices=own,
        budgets=hard_budgets([Budget("bops", limit)], ONE_STAGE, tables=()),
        count=100, generator=np.random.default_rng(0),
    )  # fmt: skip

    def network(choices: Choices) -> KeptChoices:
        return kept_choices(genotype_of(ONE_STAGE, choices))

    near = [
        choices
        for choices in enumerated()
        if sum(choices[name] != own[name] for name in own) <= 2
        and min(0.85 * limit, bops(own)) <= bops(choices) <= limit
    ]
    assert {network(choices) for choices in found} == set(map(network, near)) - {network(own)}
    assert len(found) == len(set(map(network, found))) > 1


def test_neighbours_have_no_option_that_is_left_out() -> None:
    left_out = random_probabilities(0)
    left_out["width/0"][0] = -np.inf
    own = dict.fromkeys(left_out, 1)

    def found(log_probabilities: dict[str, np.ndarray]) -> list[Choices]:
        return neighbours(
            ONE_STAGE, log_probabilities, choices=own, budgets=(), count=3,
            generator=np.random.default_rng(0),
        )  # fmt: skip

    some = found(left_out)
    assert len(some) == 3
    assert {choices["width/0"] for choices in some} == {1}
    alone = {
        name: np.where(np.arange(len(each)) == 1, 0.0, -np.inf) for name, each in left_out.items()
    }
    assert found(alone) == []


def test_candidates_are_judged_with_their_own_statistics(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path)
    with initial_weights(0):
        supernet = Supernet(SPACE, dataset.mean, dataset.std)
    genotype = random_genotype(SPACE, np.random.default_rng(1))
    share = discrete_accuracy(
        supernet, genotype, dataset.train, dataset.train, batch_size=46, device=CPU
    )
    stale = supernet.network_for(genotype)
    assert share != accuracy(stale, all_batches(dataset.train, batch_size=46, device=CPU))


def test_derive_keeps_to_the_budget_and_writes_the_best(tmp_path: Path) -> None:
    limit, run = 30e3, tmp_path / "run"
    config = tiny_config(write_images(tmp_path), Budget("bops", limit))
    search_run(config, tiny_dataset(tmp_path), folder=run, resume=False, device=CPU)
    ranking = derive(run, SETTINGS, device=CPU, notify=print)
    accuracies = [each.accuracy for each in ranking]
    # 18 images tell an accuracy to 0.5 / sqrt(18): what is less apart is ranked by its cost.
    equal = [share for share in accuracies if share >= max(accuracies) - 0.5 / 18**0.5]
    assert accuracies[: len(equal)] == equal
    assert accuracies[len(equal) :] == sorted(accuracies[len(equal) :], reverse=True)
    for each in ranking:
        cost = network_cost(BOPS, decode(each.genotype).blocks)
        assert each.costs == {"bops": pytest.approx(cost)}
        assert cost <= limit
    assert read_genotype(run / "genotype.json") == ranking[0].genotype
    written = json.loads((run / "derive.json").read_text())
    assert [each["accuracy"] for each in written["candidates"]] == accuracies
    assert derive(run, SETTINGS, device=CPU, notify=print) == ranking


def test_derive_takes_another_budget(tmp_path: Path) -> None:
    run = tmp_path / "run"
    config = tiny_config(
        write_images(tmp_path), settings=replace(SEARCH, epochs=1, warmup_epochs=0)
    )
    search_run(config, tiny_dataset(tmp_path), folder=run, resume=False, device=CPU)
    smaller = derive(run, SETTINGS, device=CPU, notify=print, budgets=[Budget("size", 700.0)])
    assert all(each.costs["size"] <= 700 for each in smaller)
    with pytest.raises(BudgetUnreachable, match=r"size 1 bytes \(smallest reachable \d+"):
        derive(run, SETTINGS, device=CPU, notify=print, budgets=[Budget("size", 1.0)])
    assert read_genotype(run / "genotype.json") == smaller[0].genotype


def test_latency_budget_needs_a_table(tmp_path: Path) -> None:
    run = tmp_path / "run"
    config = tiny_config(
        write_images(tmp_path), settings=replace(SEARCH, epochs=1, warmup_epochs=0)
    )
    search_run(config, tiny_dataset(tmp_path), folder=run, resume=False, device=CPU)
    with pytest.raises(BarsError, match="give --table FILE"):
        derive(run, SETTINGS, device=CPU, notify=print, budgets=[Budget("latency", 1.0)])
    with pytest.raises(BarsError, match=r"no\.jsonl cannot be read"):
        derive(
            run, SETTINGS, device=CPU, notify=print, budgets=[Budget("latency", 1.0)],
            tables=[str(tmp_path / "no.jsonl")],
        )  # fmt: skip


@pytest.fixture
def searched(tmp_path: Path) -> tuple[Path, str]:
    """A search under a budget of 20 us, and its table, in which a kernel takes 1 us."""
    table = write_table(tmp_path / "host.jsonl", target="host")
    config = tiny_config(
        write_images(tmp_path), Budget("latency", 0.02), tables=(str(table),),
        settings=replace(SEARCH, epochs=1, warmup_epochs=0),
    )  # fmt: skip
    run = tmp_path / "run"
    search_run(config, tiny_dataset(tmp_path), folder=run, resume=False, device=CPU)
    return run, str(table)


def use_board(monkeypatch: pytest.MonkeyPatch, *, slower: float) -> list[float]:
    """Let networks take so many times their kernels' sum; returns what was measured, in us."""
    times_us: list[float] = []

    def measured(graph: BlockGraph, table: LatencyTable, **_: object) -> Measured | Failed:
        times_us.append(slower * 1e3 * network_cost(table, graph.blocks))
        return Measured(graph, (times_us[-1],))

    monkeypatch.setattr(board_budgets, "measured_network", measured)
    return times_us


def test_derived_network_was_measured_within_the_budget(
    searched: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = searched
    times_us = use_board(monkeypatch, slower=1.3)
    ranking = derive(run, SETTINGS, device=CPU, notify=print)
    assert ranking[0].measured["latency"] <= 0.02
    assert ranking[0].measured["latency"] == pytest.approx(times_us[-1] / 1e3)
    # Whatever was measured before it was over.
    assert all(us > 20 for us in times_us[:-1])
    assert read_genotype(run / "genotype.json") == ranking[0].genotype
    found = json.loads((run / "derive.json").read_text())["candidates"][0]
    assert found["measured"]["latency"] <= 0.02


def test_nothing_is_measured_twice(
    searched: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A noisy board must not make a second derive choose another network than the first."""
    run, _ = searched
    times_us = use_board(monkeypatch, slower=1.3)
    first = derive(run, SETTINGS, device=CPU, notify=print)
    count = len(times_us)
    use_board(monkeypatch, slower=100.0)
    assert derive(run, SETTINGS, device=CPU, notify=print) == first
    assert len(times_us) == count


def test_slower_board_gets_smaller_networks(
    searched: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where every network that the table allows is too slow, the next ones are predicted faster."""
    run, _ = searched
    settings = replace(SETTINGS, candidates=1)
    times_us = use_board(monkeypatch, slower=2.2)
    (found,) = derive(run, settings, device=CPU, notify=print)
    assert found.costs["latency"] * 2.2 == pytest.approx(found.measured["latency"])
    assert found.measured["latency"] <= 0.02 < times_us[0] / 1e3


def test_board_that_is_too_slow_is_told(
    searched: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = searched
    use_board(monkeypatch, slower=100.0)
    # Not the limits that nobody asked for, within which no network is predicted.
    closest = r"were measured, and none keeps .*closest: latency measured [\d.]+[mu]s of 20us"
    with pytest.raises(BudgetUnreachable, match=closest):
        derive(run, SETTINGS, device=CPU, notify=print)
    assert not (run / "genotype.json").exists()


def test_unmeasured_takes_the_tables_word(
    searched: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = searched
    times_us = use_board(monkeypatch, slower=100.0)
    ranking = derive(run, replace(SETTINGS, measured=False), device=CPU, notify=print)
    assert times_us == []
    assert ranking[0].measured == {}


def test_networks_are_measured_for_real(searched: tuple[Path, str]) -> None:
    run, _ = searched
    (found,) = derive(run, replace(SETTINGS, candidates=1), device=CPU, notify=print)
    assert 0 < found.measured["latency"] <= 0.02


def of_other_board(table: str) -> str:
    """The same table as another board's."""
    path = Path(table)
    path.write_text(path.read_text().replace(cpu_name(), "Raspberry Pi 9"))
    return table


def test_other_board_is_refused_before_judging(searched: tuple[Path, str]) -> None:
    run, table = searched
    other = rf"local is '{re.escape(cpu_name())}', and the table is of 'Raspberry Pi 9'; .* --on"
    with pytest.raises(BarsError, match=other):
        derive(run, SETTINGS, device=CPU, notify=print, tables=[of_other_board(table)])
    assert not (run / "judged.jsonl").exists()


def test_missing_compiler_is_told_before_judging(
    searched: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = searched
    monkeypatch.setattr(build, "find_spec", lambda _: None)
    with pytest.raises(BarsError, match=r"apache-tvm; install it with: pip .* with --unmeasured"):
        derive(run, SETTINGS, device=CPU, notify=print)
    assert not (run / "judged.jsonl").exists()


def test_board_that_was_measured_may_be_away(
    searched: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, table = searched
    with monkeypatch.context() as patch:
        use_board(patch, slower=1.3)
        first = derive(run, SETTINGS, device=CPU, notify=print)
    other = of_other_board(table)
    assert derive(run, SETTINGS, device=CPU, notify=print, tables=[other]) == first


def test_derive_needs_a_search(tmp_path: Path) -> None:
    with pytest.raises(BarsError, match="is not a run's folder"):
        derive(tmp_path, SETTINGS, device=CPU, notify=print)
