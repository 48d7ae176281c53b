"""Whole searches: budgets, resuming, what they tell, and the architecture's rate."""

import json
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import get_args

import pytest
import torch

from barsctl.architecture_metrics import primitive_shares
from barsctl.budgets import Budget
from barsctl.derive import DeriveSettings, derive
from barsctl.errors import BarsError, DivergedError
from barsctl.judge import JudgeSettings
from barsctl.pricing import hard_budgets
from barsctl.run_folder import LAST, read_metrics
from barsctl.search import search
from barsctl.search_run import load_search, search_run
from barsctl.search_sampling import distribution
from barsctl.search_settings import Sampling, SearchSettings, architecture_rate
from costmodels.errors import BudgetUnreachable
from space.decisions import decisions
from space.genotype import read_genotype
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


def test_architecture_moves_less_in_a_step_of_many() -> None:
    settings = SearchSettings(epochs=12, warmup_epochs=2)
    assert architecture_rate(settings, steps=10) == 2e-2
    assert architecture_rate(settings, steps=1000) == pytest.approx(14 / 10_000)
    given = replace(settings, architecture_learning_rate=0.1)
    assert architecture_rate(given, steps=1000) == 0.1


def test_search_meets_its_budget_from_above(tmp_path: Path) -> None:
    settings = replace(SEARCH, epochs=10, architecture_learning_rate=0.05, multiplier_rate=20.0)
    config = tiny_config(write_images(tmp_path), Budget("bops", 20e3), settings=settings)
    last = search_run(
        config, tiny_dataset(tmp_path), folder=tmp_path / "run", resume=False, device=CPU
    )
    costs = [row["expected_cost"]["bops"] for row in read_metrics(tmp_path / "run")]
    assert costs[0] > 1.2 * 20e3
    # How it swings about the budget depends on the processor's sums.
    assert 0.85 * 20e3 < fmean(costs[-3:]) < 1.05 * 20e3
    assert last["multiplier"]["bops"] > 0


@pytest.mark.parametrize("sampling", ["gumbel", "one"])
def test_killed_search_resumes_to_the_same_bits(sampling: Sampling, tmp_path: Path) -> None:
    """Weights, architecture, optimisers, multipliers, order, noise: all as without the kill."""
    dataset = tiny_dataset(tmp_path)
    settings = replace(SEARCH, sampling=sampling)
    config = tiny_config(write_images(tmp_path), Budget("bops", 20e3), settings=settings)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    search_run(config, dataset, folder=whole, resume=False, device=CPU)
    with pytest.raises(PowerCut):
        search_run(config, cut_after(dataset, batches=10), folder=killed, resume=False, device=CPU)
    assert len(read_metrics(killed)) == 2
    search_run(config, dataset, folder=killed, resume=True, device=CPU)
    assert (whole / LAST).read_bytes() == (killed / LAST).read_bytes()
    assert read_metrics(whole) == read_metrics(killed)


def test_resume_refuses_another_budget_by_name(tmp_path: Path) -> None:
    dataset, data = tiny_dataset(tmp_path), write_images(tmp_path)
    settings = replace(SEARCH, epochs=1, warmup_epochs=0)
    config = tiny_config(data, Budget("bops", 20e3), settings=settings)
    search_run(config, dataset, folder=tmp_path / "run", resume=False, device=CPU)
    other = tiny_config(data, Budget("bops", 30e3), settings=settings)
    with pytest.raises(BarsError, match="was started with budgets/0/limit="):
        search_run(other, dataset, folder=tmp_path / "run", resume=True, device=CPU)
    slower = replace(config, settings=replace(settings, learning_rate=0.5))
    with pytest.raises(BarsError, match=r"started with settings/learning_rate=0\.01, not 0\.5"):
        search_run(slower, dataset, folder=tmp_path / "run", resume=True, device=CPU)


def test_impossible_budget_is_refused_before_training(tmp_path: Path) -> None:
    config = tiny_config(write_images(tmp_path), Budget("bops", 10.0))
    with pytest.raises(BudgetUnreachable, match="smallest reachable"):
        search_run(
            config, tiny_dataset(tmp_path), folder=tmp_path / "run", resume=False, device=CPU
        )
    assert not (tmp_path / "run").exists()


def test_search_whose_architecture_diverges_is_not_kept(tmp_path: Path) -> None:
    settings = replace(SEARCH, sampling="one", architecture_learning_rate=1e38)
    config = tiny_config(write_images(tmp_path), Budget("bops", 20e3), settings=settings)
    with pytest.raises(DivergedError, match=r"the architecture's logits are no numbers; start"):
        search_run(
            config, tiny_dataset(tmp_path), folder=tmp_path / "run", resume=False, device=CPU
        )
    assert len(read_metrics(tmp_path / "run")) < settings.epochs


def test_search_without_a_budget_runs(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    settings = replace(SEARCH, epochs=2, sampling="softmax", optimizer="sgd")
    search(SPACE, tiny_dataset(tmp_path), (), settings, folder=folder, device=CPU)
    last = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["expected_cost"] == {}
    assert set(last["share"]) == {"none", "skip", "bconv3x3"}
    assert set(last["loss"]) == set(last["accuracy"]) == {"weights", "architecture"}


@pytest.mark.parametrize("sampling", get_args(Sampling))
def test_search_by_any_sampling_is_derived_from(sampling: Sampling, tmp_path: Path) -> None:
    dataset, run = tiny_dataset(tmp_path), tmp_path / "run"
    settings = replace(SEARCH, sampling=sampling, last_temperature=0.25)
    config = tiny_config(write_images(tmp_path), Budget("bops", 20e3), settings=settings)
    last = search_run(config, dataset, folder=run, resume=False, device=CPU)
    # What it tells is of its own probabilities, as derive reads them.
    state, epoch = load_search(config, dataset, folder=run, device=CPU)
    typical = distribution(state, settings, epoch)
    assert last["share"] == primitive_shares(typical, decisions(SPACE))
    logits = state.architecture.logits["depth/0"].detach()
    gates = logits.mul(4).sigmoid()
    expected = {"softmax": logits.mul(4).softmax(0), "sigmoid": gates / gates.sum()}
    torch.testing.assert_close(
        typical["depth/0"].detach(), expected.get(sampling, logits.softmax(0))
    )
    best = derive(run, DeriveSettings(2, JudgeSettings(batch_size=16)), device=CPU, notify=print)[0]
    assert 0 < best.costs["bops"] <= 20e3
    assert read_genotype(run / "genotype.json") == best.genotype


def test_entropy_term_grows_in_the_search(tmp_path: Path) -> None:
    """It is not there in the first epoch after the warm-up, and then drives as its sign says."""
    dataset = tiny_dataset(tmp_path)
    rows = []
    for name, weight in (("open", -100.0), ("none", 0.0), ("decided", 100.0)):
        folder = tmp_path / name
        folder.mkdir()
        settings = replace(SEARCH, epochs=3, warmup_epochs=1, entropy_weight=weight)
        search(SPACE, dataset, (), settings, folder=folder, device=CPU)
        rows.append(read_metrics(folder))
    before, after = ([sum(row[epoch]["entropy"].values()) for row in rows] for epoch in (1, 2))
    assert before[0] == before[1] == before[2]
    assert after[0] > after[1] > after[2]


def test_every_epoch_tells_the_gap(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    search(SPACE, tiny_dataset(tmp_path), (), SEARCH, folder=folder, device=CPU)
    rows = read_metrics(folder)
    assert len(rows) == SEARCH.epochs
    for row in rows:
        gap = row["gap"]
        assert gap["difference"] == pytest.approx(gap["relaxed"] - gap["discretised"])
    assert rows[0]["collapse"] == []


def test_collapse_is_said_once_in_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("barsctl.collapse.LARGEST_GAP", -1.0)
    monkeypatch.setattr("barsctl.collapse.SETTLED_ENTROPY", 1.1)
    folder = tmp_path / "run"
    folder.mkdir()
    for epochs in (3, 4):  # the second time it goes on
        settings = replace(SEARCH, epochs=epochs)
        search(SPACE, tiny_dataset(tmp_path), (), settings, folder=folder, device=CPU)
    assert capsys.readouterr().err.count("warning: the search collapses: the mixture") == 1
    told = [bool(row["collapse"]) for row in read_metrics(folder)]
    assert told == [False, True, True, True]


def test_collapse_is_judged_by_the_expected_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = []

    def warnings(*_: object, used_share: float, last: bool) -> tuple[str, ...]:
        shares.append((used_share, last))
        return ()

    monkeypatch.setattr("barsctl.watch.collapse_warnings", warnings)
    folder = tmp_path / "run"
    folder.mkdir()
    budgets = hard_budgets([Budget("bops", 50_000)], SPACE, tables=())
    settings = replace(SEARCH, epochs=3, warmup_epochs=1)
    search(SPACE, tiny_dataset(tmp_path), budgets, settings, folder=folder, device=CPU)
    expected = [row["expected_cost"]["bops"] / 50_000 for row in read_metrics(folder)[1:]]
    assert [share for share, _ in shares] == pytest.approx(expected)
    assert [last for _, last in shares] == [False, True]
