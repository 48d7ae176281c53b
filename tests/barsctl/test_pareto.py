"""The front: what is on it, what is kept, and what derive makes of it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from barsctl import judge
from barsctl.budgets import Budget
from barsctl.derive import DeriveSettings, derive
from barsctl.folder_lock import FolderInUseError, derive_lock
from barsctl.gap import discrete_accuracy
from barsctl.judge import JudgeSettings
from barsctl.pareto import Front, ParetoSettings, non_dominated, pareto
from barsctl.ranking import Candidate
from barsctl.search_run import search_run
from costmodels.errors import BudgetUnreachable
from costmodels.protocol import network_cost
from costmodels.table_file import read_table
from space.decode import decode
from space.genotype import genotype_of, random_genotype
from tests.barsctl.command_line import CommandLine
from tests.barsctl.tiny_runs import (
    CPU,
    SPACE,
    PowerCut,
    tiny_config,
    tiny_dataset,
    write_images,
)
from tests.barsctl.tiny_tables import write_table

JUDGE = JudgeSettings(batch_size=16)
SETTINGS = ParetoSettings(points=4, candidates=3, judge=JUDGE)


def candidate(cost: float, accuracy: float, log_probability: float = 0.0) -> Candidate:
    genotype = random_genotype(SPACE, np.random.default_rng(0))
    return Candidate(genotype, accuracy, log_probability, {"latency": cost})


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a search that had no table; a table of the tiny space lies beside it."""
    folder = tmp_path / "run"
    config = tiny_config(write_images(tmp_path))
    search_run(config, tiny_dataset(tmp_path), folder=folder, resume=False, device=CPU)
    write_table(tmp_path / "host.jsonl", target="host")
    return folder


def front_of(run: Path, *budgets: Budget, settings: ParetoSettings = SETTINGS) -> Front:
    table = str(run.parent / "host.jsonl")
    return pareto(run, settings, device=CPU, out=run, budgets=budgets, table=table)


def test_front_by_hand() -> None:
    # 2 costs more than 1 and is no better; 4 and 5 cost the same; 6 is as good as 5.
    one, two, three = candidate(1, 0.5), candidate(2, 0.5), candidate(3, 0.6)
    four, five, six = candidate(4, 0.6), candidate(4, 0.9), candidate(9, 0.9)
    assert non_dominated([six, five, four, three, two, one], "latency") == (one, three, five)


def test_more_probable_of_equal_networks_is_on_the_front() -> None:
    assert non_dominated([candidate(1, 0.5, -9), candidate(1, 0.5, -3)], "latency") == (
        candidate(1, 0.5, -3),
    )


def test_front_rises_and_is_written(run: Path) -> None:
    front = front_of(run)
    table = read_table(run.parent / "host.jsonl")
    costs = [each.costs["latency"] for each in front.points]
    accuracies = [each.accuracy for each in front.points]
    assert costs == sorted(set(costs))
    assert accuracies == sorted(set(accuracies))
    for each in front.points:
        exact = network_cost(table, decode(each.genotype).blocks)
        assert each.costs["latency"] == pytest.approx(exact)
    # No network that was judged is cheaper and more accurate than one of the front.
    for cost, accuracy in front.judged:
        assert any(
            point.costs["latency"] <= cost and point.accuracy >= accuracy for point in front.points
        )
    written = json.loads((run / "pareto.json").read_text())
    assert (written["format"], written["target"], written["unit"]) == (1, "host", "ms")
    first = written["points"][0]
    assert genotype_of(SPACE, first["choices"]) == front.points[0].genotype
    picture = (run / "pareto.svg").read_text()
    assert "latency on host" in picture
    assert front_of(run) == front
    assert (run / "pareto.svg").read_text() == picture


def test_derive_is_as_good_at_every_point(run: Path) -> None:
    table = str(run.parent / "host.jsonl")
    for point in front_of(run).points:
        budget = Budget("latency", point.costs["latency"])
        best = derive(
            run,
            DeriveSettings(2, JUDGE, measured=False),
            device=CPU,
            notify=print,
            budgets=[budget],
            tables=[table],
        )[0]
        # Among networks that so few images do not tell apart, derive takes the dearest.
        assert best.accuracy >= point.accuracy - 0.5 / 18**0.5
        assert best.costs["latency"] <= point.costs["latency"] * (1 + 1e-9)


def test_no_network_is_judged_again(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[object] = []
    really = discrete_accuracy

    def counting(*words: object, **more: object) -> float:
        if len(judged) == 3:
            raise PowerCut
        judged.append(words[1])
        return really(*words, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(judge, "discrete_accuracy", counting)
    with pytest.raises(PowerCut):
        front_of(run)
    path = run / "judged.jsonl"
    kept = path.read_text()
    path.write_text(kept + '{"choices": {"wid')  # and a row was torn
    monkeypatch.setattr(judge, "discrete_accuracy", really)
    front = front_of(run)
    assert path.read_text().startswith(kept)
    rows = path.read_text().splitlines()[1:]
    assert len(rows) == len(set(rows)) == len(front.judged)


def test_pareto_is_refused_beside_a_derive(run: Path) -> None:
    with (
        derive_lock(run),
        pytest.raises(FolderInUseError, match="another derive or pareto is at work"),
    ):
        front_of(run)
    assert not (run / "judged.jsonl").exists()


def test_other_images_are_judged_anew(run: Path) -> None:
    front_of(run)
    fewer = replace(SETTINGS, judge=replace(JUDGE, held_out_images=8))
    front_of(run, settings=fewer)
    header = json.loads((run / "judged.jsonl").read_text().splitlines()[0])
    assert header["held_out_images"] == 8


def test_front_keeps_to_other_budgets(run: Path) -> None:
    front_of(run)
    front = front_of(run, Budget("ram", 1000.0, "armv7"))
    assert all(each.costs["ram@armv7"] <= 1000 for each in front.points)
    with pytest.raises(BudgetUnreachable, match="size 1 bytes"):
        front_of(run, Budget("size", 1.0))


def test_pareto_on_the_command_line(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    barsctl = CommandLine(monkeypatch, capsys)
    words = ("pareto", run, "--points", 2, "--candidates", 2, "--out", run.parent / "front")
    refused = barsctl(*words)
    assert refused.exit_code == 1
    assert "the search has 0 tables, and a front is drawn for one board" in refused.err
    table = ("--table", run.parent / "host.jsonl")
    shown = barsctl(*words, *table)
    assert shown.exit_code == 0
    assert shown.out.splitlines()[0].split() == ["accuracy", "latency", "widths", "cells"]
    answer = json.loads(barsctl(*words, *table, "--json").out)
    assert answer == json.loads((run.parent / "front" / "pareto.json").read_text())
    write_table(run.parent / "host.jsonl", target="host", hash_of_kernels="older")
    assert "kernel_hash older" in barsctl(*words, *table).err
