"""Sweeps over a handful of images: by one worker, by two, and by two of which one is killed."""

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from barsctl.machine import cpu_name
from barsctl.run_folder import read_metrics
from barsctl.search_settings import SearchSettings
from barsctl.train_settings import TrainSettings
from space.space_file import space_toml
from tests.barsctl.command_line import CommandLine
from tests.barsctl.tiny_runs import SPACE, write_images
from tests.barsctl.tiny_tables import write_table

ROOT = Path(__file__).parents[2]


@pytest.fixture
def barsctl(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(monkeypatch, capsys)


def words(folder: Path, *budgets: str, seeds: int = 1) -> list[str]:
    images = write_images(folder, count=60).data_dir
    return list(map(str, [
        "sweep", "--out", folder / "sweep", "--data", "npz", "--data-dir", images,
        "--device", "cpu", "--batch-size", 16, "--train-batch-size", 16, "--epochs", 1,
        "--train-epochs", 1, "--candidates", 1, "--json",
        *(word for budget in budgets for word in ("--budget", budget)),
        *(word for seed in range(seeds) for word in ("--seed", seed)),
    ]))  # fmt: skip


def kill_when_another_works(doomed: subprocess.Popen[str], cells: Path) -> None:
    while doomed.poll() is None and len(list(cells.glob("*/lease.json"))) < 2:
        time.sleep(0.001)
    doomed.kill()


def started(asked: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "barsctl", *asked]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finished_trials(folder: Path) -> int:
    """Lines of the journal that end a trial with its values."""
    rows = map(json.loads, (folder / "sweep" / "journal.log").read_text().splitlines())
    return sum(bool(row.get("values")) for row in rows if row["op_code"] == 6)


def test_killed_workers_cell_is_finished_once_by_another(
    barsctl: CommandLine, tmp_path: Path
) -> None:
    """Two workers on two cells; one is killed as soon as both have one."""
    asked = words(tmp_path, "bops=100k", seeds=2)
    doomed, cells = started(asked), tmp_path / "sweep" / "cells"
    while not list(cells.glob("*/lease.json")):
        time.sleep(0.01)
    killer = threading.Thread(target=kill_when_another_works, args=(doomed, cells))
    killer.start()
    answer = barsctl(*asked)
    killer.join()
    doomed.communicate()
    assert doomed.returncode == -signal.SIGKILL
    assert answer.exit_code == 0, answer.err
    rows = json.loads(answer.out)["cells"]
    assert [(row["seed"], row["state"]) for row in rows] == [
        (0, "finished"), (1, "finished"),
    ]  # fmt: skip
    assert finished_trials(tmp_path) == 2
    for row in rows:
        for step in ("search", "train"):
            assert len(read_metrics(Path(row["folder"]) / step)) == 1
        assert 0 < row["cost"] <= row["budget"]["bops"]
        assert not (Path(row["folder"]) / "lease.json").exists()
    front = [row for row in rows if row["on_front"]]
    assert max(row["validation_accuracy"] for row in rows) in [
        row["validation_accuracy"] for row in front
    ]


def test_failed_cell_is_told_and_stops_no_other(barsctl: CommandLine, tmp_path: Path) -> None:
    asked = words(tmp_path, "bops=1k", "bops=100k")
    answer = barsctl(*asked)
    assert answer.exit_code == 1
    first, second = json.loads(answer.out)["cells"]
    assert "bops=1k, bops=100k\n" in barsctl("inspect", tmp_path / "sweep").out
    told = barsctl("inspect", Path(first["folder"]) / "cell.json").out
    assert "no network keeps to bops 1000 BOPs" in told
    assert first["state"] == "failed"
    assert first["error"].startswith("no network keeps to bops 1000 BOPs")
    assert (second["state"], second["on_front"]) == ("finished", True)
    assert "1 of 2 cells failed" in answer.err.splitlines()[-1]

    again = barsctl(*asked)
    assert json.loads(again.out) == json.loads(answer.out)
    assert "cell" not in again.err.splitlines()[0].split(":")[0].split()
    shutil.rmtree(first["folder"])
    assert "1 of 2 cells failed" in barsctl(*asked).err
    assert Path(first["folder"], "cell.json").exists()
    found = Path(second["folder"], "cell.json")
    before = found.read_bytes()
    found.unlink()
    assert "train 100%" not in barsctl(*asked).err  # it was trained already
    assert found.read_bytes() == before
    assert finished_trials(tmp_path) == 2


def test_lost_disk_ends_the_worker_and_no_cell(barsctl: CommandLine, tmp_path: Path) -> None:
    asked = words(tmp_path, "bops=100k", seeds=2)
    images = Path(asked[asked.index("--data-dir") + 1])
    images.rename(tmp_path / "away.npz")
    images.mkdir()
    answer = barsctl(*asked)
    assert answer.exit_code == 1
    assert "cannot be read" in answer.err.splitlines()[-1]
    assert not list((tmp_path / "sweep" / "cells").glob("*/cell.json"))
    images.rmdir()
    (tmp_path / "away.npz").rename(images)
    assert barsctl(*asked).exit_code == 0


def test_folder_may_have_another_name(barsctl: CommandLine, tmp_path: Path) -> None:
    """A worker on another machine goes on with the training of one that was killed."""
    asked = words(tmp_path, "bops=100k")
    before = json.loads(barsctl(*asked).out)
    (cell,) = (tmp_path / "sweep" / "cells").iterdir()
    for path in (cell / "cell.json", cell / "train" / "result.json"):
        path.unlink()
    (tmp_path / "sweep").rename(tmp_path / "moved")
    asked[asked.index("--out") + 1] = str(tmp_path / "moved")
    answer = barsctl(*asked)
    assert answer.exit_code == 0, answer.err
    after = json.loads(answer.out)
    for done in (before, after):
        del done["cells"][0]["folder"]
    assert after == before


def test_place_that_measures_nothing_is_refused_at_once(
    barsctl: CommandLine, tmp_path: Path
) -> None:
    answer = barsctl(*words(tmp_path, "bops=100k"), "--on", "rpc://127.0.0.1:1")
    assert answer.exit_code == 1
    assert "--on rpc://127.0.0.1:1: of bops=100k nothing is measured; leave it out" in answer.err
    assert not (tmp_path / "sweep").exists()


def test_sweep_refuses_what_it_cannot_compare(barsctl: CommandLine, tmp_path: Path) -> None:
    asked = words(tmp_path, "bops=1M", "size=64KB")
    assert "budgets of bops, size: a sweep compares" in barsctl(*asked).err
    asked = words(tmp_path, "bops=1M", "bops=1.0001M")
    assert "demo-bops=1M-seed0 is twice in the sweep" in barsctl(*asked).err
    assert not (tmp_path / "sweep").exists()


def test_sweep_that_no_cell_can_do_keeps_nothing(barsctl: CommandLine, tmp_path: Path) -> None:
    asked = words(tmp_path, "latency=1ms")
    assert "latency" in barsctl(*asked).err
    assert "table gone.jsonl cannot be read" in barsctl(*asked, "--table", "gone.jsonl").err
    assert "moon" in barsctl(*words(tmp_path, "bops=1M"), "--space", "moon").err
    assert not (tmp_path / "sweep").exists()


def test_worker_with_other_words_is_refused(barsctl: CommandLine, tmp_path: Path) -> None:
    asked = words(tmp_path, "bops=1k")
    assert barsctl(*asked).exit_code == 1
    answer = barsctl(*asked, "--seed", "5")
    assert answer.exit_code == 1
    assert "was started with seeds=[0], not [0, 5]" in answer.err


def test_cells_search_derive_and_train_as_asked(barsctl: CommandLine, tmp_path: Path) -> None:
    """In a space of a file; what was derived is not derived again."""
    tmp_path.joinpath("mine.toml").write_text(
        barsctl("spaces", "demo").out.replace('name = "demo"', 'name = "mine"')
    )
    asked = [
        *words(tmp_path, "bops=100k"), "--space", str(tmp_path / "mine.toml"), "--epochs", "2",
        "--sampling", "one", "--entropy", "-1", "--first-temperature", "3",
        "--last-temperature", "1", "--multiplier-rate", "2", "--refine-epochs", "1",
        "--learning-rate", "0.02", "--weight-decay", "0", "--architecture-learning-rate", "0.1",
        "--teacher", "float", "--trials", "1", "--trial-epochs", "1", "--train-epochs", "2",
        "--real-weight-epochs", "1", "--train-learning-rate", "0.03", "--train-weight-decay", "0.5",
        "--label-smoothing", "0.2", "--ema", "0.5", "--train-teacher", "float",
        "--train-optimizer", "sgd",
    ]  # fmt: skip
    answer = barsctl(*asked)
    assert answer.exit_code == 0, answer.err
    (row,) = json.loads(answer.out)["cells"]
    cell = tmp_path / "sweep" / "cells" / "mine-bops=100k-seed0"
    assert (row["space"], Path(row["folder"])) == ("mine", cell)
    searched, trained = (
        json.loads((cell / step / "config.json").read_text()) for step in ("search", "train")
    )
    assert (searched["space"]["name"], searched["space"]["image_size"]) == ("mine", 8)
    assert (searched["teacher"], trained["teacher"]) == ("float", "float")
    assert searched["settings"] == asdict(
        SearchSettings(
            epochs=2, warmup_epochs=0, refine_epochs=1, batch_size=16, sampling="one",
            entropy_weight=-1.0, first_temperature=3.0, last_temperature=1.0, multiplier_rate=2.0,
            learning_rate=0.02, weight_decay=0.0, architecture_learning_rate=0.1,
        )
    )  # fmt: skip
    assert trained["settings"] == asdict(
        TrainSettings(
            epochs=2, real_weight_epochs=1, batch_size=16, learning_rate=0.03, weight_decay=0.5,
            label_smoothing=0.2, ema_decay=0.5, optimizer="sgd",
        )
    )  # fmt: skip
    assert len((cell / "search" / "trials.jsonl").read_text().splitlines()) == 2
    assert "mine\n" in barsctl("inspect", tmp_path / "sweep").out.splitlines(keepends=True)[1]

    (cell / "cell.json").rename(tmp_path / "cell.json")
    (tmp_path / "sweep" / "journal.log").unlink()
    shutil.rmtree(cell / "train")
    (cell / "search" / "judged.jsonl").unlink()
    assert barsctl(*asked).exit_code == 0
    assert (cell / "cell.json").read_bytes() == (tmp_path / "cell.json").read_bytes()
    assert not (cell / "search" / "judged.jsonl").exists()


def test_worker_that_cannot_measure_takes_no_cell(barsctl: CommandLine, tmp_path: Path) -> None:
    """It leaves nothing behind; what is derived already it may train."""
    table = write_table(tmp_path / "table.jsonl", target="host")
    here, there = table.read_text(), table.read_text().replace(cpu_name(), "Raspberry Pi 9")
    space = tmp_path / "tiny.toml"
    space.write_text(space_toml(SPACE))
    asked = [*words(tmp_path, "latency=1s"), "--table", str(table), "--space", str(space)]
    table.write_text(there)
    answer = barsctl(*asked)
    assert answer.exit_code == 1
    assert "the table is of 'Raspberry Pi 9'" in answer.err
    assert not (tmp_path / "sweep").exists()

    table.write_text(here)
    assert barsctl(*asked).exit_code == 0
    (cell,) = (tmp_path / "sweep" / "cells").iterdir()
    (tmp_path / "sweep" / "journal.log").unlink()
    (cell / "cell.json").unlink()
    table.write_text(there)
    assert barsctl(*asked).exit_code == 0


def test_cell_that_is_in_use_waits_for_its_turn(barsctl: CommandLine, tmp_path: Path) -> None:
    asked = words(tmp_path, "bops=100k", seeds=2)
    before = barsctl(*asked).out
    first, second = sorted((tmp_path / "sweep" / "cells").iterdir())
    for path in ("journal.log", first / "cell.json", first / "search" / "derive.json"):
        (tmp_path / "sweep" / path).unlink()
    (second / "cell.json").unlink()
    user = subprocess.Popen(
        [sys.executable, "-c", USER, first / "search", second / "cell.json"], cwd=ROOT
    )
    while not (first / "search" / "begun").exists() and user.poll() is None:
        time.sleep(0.01)
    answer = barsctl(*asked)
    assert user.wait() == 0
    assert "another derive or pareto is at work in" in answer.err
    assert (answer.exit_code, answer.out) == (0, before)


USER = """
import sys, time
from pathlib import Path
from barsctl.folder_lock import derive_lock

folder, awaited = map(Path, sys.argv[1:])
with derive_lock(folder):
    (folder / "begun").touch()
    for _ in range(6000):
        if awaited.exists():
            break
        time.sleep(0.01)
    else:
        sys.exit("the other cell was not computed first")
"""
