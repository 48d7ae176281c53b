import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from barsctl import board_budgets
from barsctl.batches import all_batches
from barsctl.budgets import Budget
from barsctl.derive import DeriveSettings, derive
from barsctl.errors import BarsError
from barsctl.evaluate import accuracy
from barsctl.folder_lock import FolderInUseError, derive_lock
from barsctl.gap import discrete_accuracy
from barsctl.judge import JudgeSettings
from barsctl.machine import cpu_name
from barsctl.random_numbers import initial_weights
from barsctl.ranking import Candidate, rank
from barsctl.search_run import search_run
from costmodels.errors import BudgetUnreachable
from costmodels.latency_table import LatencyTable
from costmodels.protocol import network_cost
from costmodels.registry import COST_MODELS
from space.decode import decode
from space.genotype import random_genotype, read_genotype
from space.graph import BlockGraph
from space.nn.supernet import Supernet
from targets import build
from targets.measuring.measured import Failed, Measured
from targets.measuring.place import parse_place
from tests.barsctl.tiny_runs import (
    CPU,
    SEARCH,
    SPACE,
    PowerCut,
    cut_after,
    tiny_config,
    tiny_dataset,
    write_images,
)
from tests.barsctl.tiny_tables import write_table

BOPS = COST_MODELS["bops"]
SETTINGS = DeriveSettings(5, JudgeSettings(batch_size=16))


def candidate(share: float, log_probability: float = 0.0) -> Candidate:
    genotype = random_genotype(SPACE, np.random.default_rng(0))
    return Candidate(genotype, share, log_probability, {})


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
    run, _ = searched
    with monkeypatch.context() as patch:
        use_board(patch, slower=1.3)
        first = derive(run, SETTINGS, device=CPU, notify=print)
    monkeypatch.setattr(build, "find_spec", lambda _: None)
    assert derive(run, SETTINGS, device=CPU, notify=print) == first


def test_what_was_measured_holds_for_no_other_board(
    searched: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, table = searched
    use_board(monkeypatch, slower=1.3)
    derive(run, SETTINGS, device=CPU, notify=print)
    with pytest.raises(BarsError, match="the table is of 'Raspberry Pi 9'"):
        derive(run, SETTINGS, device=CPU, notify=print, tables=[of_other_board(table)])


def test_place_and_table_of_nothing_are_refused(searched: tuple[Path, str]) -> None:
    run, table = searched
    place, bops = parse_place("local"), [Budget("bops", 1e6)]
    for settings in (
        replace(SETTINGS, place=place),
        replace(SETTINGS, measured=False, place=place),
    ):
        budgets = bops if settings.measured else None
        with pytest.raises(BarsError, match=r"--on local: of .* nothing is measured; leave it out"):
            derive(run, settings, device=CPU, notify=print, budgets=budgets)
    with pytest.raises(BarsError, match=r"--table of host: bops=1M asks nothing of it"):
        derive(run, SETTINGS, device=CPU, notify=print, budgets=bops, tables=[table])


def test_unfinished_search_is_refused(tmp_path: Path) -> None:
    dataset, run = tiny_dataset(tmp_path), tmp_path / "run"
    config = tiny_config(write_images(tmp_path), settings=replace(SEARCH, epochs=2))
    with pytest.raises(PowerCut):
        search_run(config, cut_after(dataset, batches=6), folder=run, resume=False, device=CPU)
    message = r"run is a search of 2 epochs that ended after 1; finish it with .* --resume"
    with pytest.raises(BarsError, match=message):
        derive(run, SETTINGS, device=CPU, notify=print)
    assert not (run / "judged.jsonl").exists()


def test_derive_needs_a_search(tmp_path: Path) -> None:
    with pytest.raises(BarsError, match="is not a run's folder"):
        derive(tmp_path, SETTINGS, device=CPU, notify=print)


def test_derive_beside_another_is_refused(searched: tuple[Path, str]) -> None:
    run, _ = searched
    with (
        derive_lock(run),
        pytest.raises(FolderInUseError, match="another derive or pareto is at work"),
    ):
        derive(run, SETTINGS, device=CPU, notify=print)
    assert not (run / "judged.jsonl").exists()
