"""Searches of the evidence: what is made anew where networks are derived otherwise."""

import json
from dataclasses import replace
from pathlib import Path

import evidence
import numpy as np
import pytest
from harness import evidence_networks, evidence_searches
from harness.evidence_matrix import FIRST_SEARCHED, MIDDLE_US, SEEDS, Cell, Row
from harness.evidence_networks import make_network, search_budget_us
from harness.evidence_runs import train_settings
from harness.evidence_searches import (
    SPACE,
    Searched,
    search_settings,
    searched,
    seconds_of,
    timed,
    training_of,
)

from barsctl.derive import DeriveSettings
from barsctl.halving import open_halving
from costmodels.correction import Correction
from costmodels.latency_table import LatencyTable
from space.genotype import random_genotype, write_genotype
from tests.barsctl.tiny_runs import CPU, tiny_dataset
from tests.benchmarks.test_evidence import row
from tests.example_tables import HEADER, table_of


@pytest.fixture
def asked() -> list[DeriveSettings]:
    """Of each derive."""
    return []


@pytest.fixture
def derives(
    asked: list[DeriveSettings], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> list[Path]:
    """Let a search take no time, and each derive find another network; the folders of these."""
    found: list[Path] = []

    def planted_search(*_: object, folder: Path, **__: object) -> None:
        folder.mkdir(parents=True, exist_ok=True)

    def planted_derive(folder: Path, settings: DeriveSettings, **_: object) -> None:
        found.append(folder)
        asked.append(settings)
        genotype = random_genotype(SPACE, np.random.default_rng(len(found)))
        write_genotype(genotype, folder / "genotype.json")
        candidates = [{"choices": {}, "accuracy": 0.5}]
        (folder / "derive.json").write_text(json.dumps({"candidates": candidates}))

    monkeypatch.setattr(evidence_searches, "load_choice", lambda _: tiny_dataset(tmp_path))
    monkeypatch.setattr(evidence_searches, "search_run", planted_search)
    monkeypatch.setattr(evidence_searches, "derive", planted_derive)
    return found


def search(run: Path) -> Searched:
    run.mkdir(exist_ok=True)
    return searched(FIRST_SEARCHED, run, budget_us=MIDDLE_US, kept={}, finished=())


def tried(run: Path) -> list[Path]:
    names = ("judged.jsonl", "trials.jsonl", "whole-trials-2.jsonl", "trial/run")
    found = [run / "search" / name for name in names]
    for each in found:
        each.parent.mkdir(parents=True, exist_ok=True)
        each.touch()
    return found


def trained(run: Path) -> Path:
    folder, clock = training_of(run)
    folder.mkdir(parents=True)
    clock.write_text("9")
    return folder


def test_search_that_was_derived_otherwise_is_derived_again(
    derives: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what was tried or trained of earlier networks is not taken for the other one's."""
    run = tmp_path / "run"
    first = search(run)
    folder, trials = trained(run), tried(run)
    assert search(run).genotype == first.genotype
    assert all(each.exists() for each in (folder, *trials))
    monkeypatch.setattr(evidence_searches, "TRIALS", 2)
    assert search(run).genotype != first.genotype
    assert derives == [run / "search"] * 2
    assert not any(each.exists() for each in (folder, *trials, training_of(run)[1]))


def test_what_was_derived_at_another_time_is_forgotten(
    derives: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a derive that was killed, and where nothing says how it was."""
    run = tmp_path / "run"

    def killed(*_: object, **__: object) -> None:
        tried(run)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(evidence_searches, "derive", killed)
        with pytest.raises(KeyboardInterrupt):
            search(run)
    monkeypatch.setattr(evidence_searches, "TRIALS", 2)
    search(run)
    assert derives == [run / "search"]
    assert not (run / "search" / "trials.jsonl").exists()
    other = tmp_path / "other"
    other.mkdir()
    trials = tried(other)
    (other / "search" / "derive.json").touch()
    search(other)
    assert derives == [run / "search", other / "search"]
    assert not any(each.exists() for each in trials)


@pytest.mark.parametrize("seed", SEEDS)
def test_cell_is_trained_as_the_trials_of_its_search(
    derives: list[Path], asked: list[DeriveSettings], seed: int, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """By the same recipe, from the search's folder: so it goes on from what derive trained."""
    monkeypatch.setattr(evidence_networks, "search_budget_us", lambda *_: MIDDLE_US)
    cell = replace(FIRST_SEARCHED, seed=seed)
    table = LatencyTable(HEADER, {})
    made = make_network(cell, tmp_path, table=table, rows=[])
    assert made is not None
    assert [made.source] == [str(folder) for folder in derives]
    (settings,) = asked
    halving = open_halving(
        tmp_path, SPACE, tiny_dataset(tmp_path),
        count=settings.trials, epochs=settings.trial_epochs,
        batch_size=search_settings(cell).batch_size, seed=settings.judge.seed, device=CPU,
    )  # fmt: skip
    assert halving.whole.settings == train_settings(cell)
    assert halving.whole.epochs == train_settings(cell).epochs


def test_seconds_of_a_killed_run_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence_searches, "SECONDS_PER_WRITE", 0.01)
    clock = tmp_path / "clock"
    clock.write_text("100")
    with timed(clock):
        while seconds_of(clock) == 100:  # the processor is busy
            pass
    assert 100 < seconds_of(clock) < 200


def test_what_follows_from_another_network_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "RESULTS", tmp_path / "search.jsonl")
    monkeypatch.setattr(evidence, "RUNS", tmp_path)
    first: Row = row(FIRST_SEARCHED, 0.9) | {"genotype": {"widths": [1]}, "candidates": []}
    others = [
        Cell("candidate", MIDDLE_US, 0, "3"),
        Cell("full", MIDDLE_US, 0, "searched"),
        Cell("searched", MIDDLE_US, 1),
        Cell("layout", MIDDLE_US, 0),
    ]
    for each in (first, *(row(cell, 0.8) for cell in others)):
        evidence.put_row(each)
    folder = trained(tmp_path / others[0].key)
    keys = [each["cell"] for each in evidence.read_rows()]
    evidence.put_row(first | {"measured_us": 20.0})
    assert [each["cell"] for each in evidence.read_rows()] == keys
    assert folder.exists()
    other = first | {"genotype": {"widths": [2]}}
    evidence.put_row(other, if_same=True)  # it was measured while another network took its place
    assert [each["cell"] for each in evidence.read_rows()] == keys
    evidence.put_row(other)
    left = {each["cell"] for each in evidence.read_rows()}
    assert left == {FIRST_SEARCHED.key, others[2].key, others[3].key}
    assert not folder.exists()


def test_search_leaves_room_for_the_error_of_what_it_cannot_measure() -> None:
    table = replace(table_of({}), correction=Correction(1.05, 0.0, 10, 0.02))
    cell = Cell("searched", 26.0, 0)
    assert search_budget_us(cell, table) == pytest.approx(25.0)
