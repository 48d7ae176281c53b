"""Two processes on this CPU do what one does."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from barsctl.batches import training_batches
from barsctl.data.augment import Augmentation
from barsctl.errors import BarsError
from barsctl.evaluate import Tally
from barsctl.judge import JudgeSettings, judging_ranks
from barsctl.launch import Ranks
from barsctl.ranks import from_first, is_first, own_ranks
from barsctl.run_folder import LAST, METRICS, read_metrics
from barsctl.train_result import RESULT
from tests.barsctl.rank_program import (
    BATCHES_INTO_REFINEMENT,
    BATCHES_INTO_TRAINING,
    BATCHES_OF_TWO_EPOCHS,
    SINGLE,
    derive_in,
    search_in,
    steady_signs,
    train_in,
)
from tests.barsctl.tiny_runs import CPU, tiny_dataset, write_images

ROOT = Path(__file__).parents[2]


def torchrun(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", *words]
    return subprocess.run(
        list(map(str, command)), cwd=ROOT, check=False, capture_output=True, text=True
    )


def two_processes(*words: object) -> None:
    """Run a program of the tests twice at once, without torchrun, which takes seconds to start."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = {
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2",
        "OMP_NUM_THREADS": "1",  # as torchrun does
    }  # fmt: skip
    command = [sys.executable, "-m", *map(str, words)]
    processes = [
        subprocess.Popen(command, cwd=ROOT, env={**os.environ, **place, "RANK": rank})
        for rank in ("0", "1")
    ]
    assert [process.wait() for process in processes] == [0, 0]


def require_equal_weights(first: Path, second: Path) -> None:
    one, two = load_file(first), load_file(second)
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-6, atol=1e-6, msg=name)


def require_equal_searches(first: Path, second: Path) -> None:
    require_equal_weights(first / LAST, second / LAST)
    for expected, row in zip(read_metrics(first), read_metrics(second), strict=True):
        losses = {name: loss for name, loss in expected["loss"].items() if loss is not None}
        assert {name: row["loss"][name] for name in losses} == pytest.approx(losses, rel=1e-6)
        assert row["accuracy"] == expected["accuracy"]
        assert row["multiplier"] == pytest.approx(expected["multiplier"], rel=1e-6)
        assert row.get("gap") == expected.get("gap")


def require_same_bytes(first: Path, second: Path, *names: str) -> None:
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def ranking_in(run: Path) -> list[dict[str, Any]]:
    candidates: list[dict[str, Any]] = json.loads((run / "derive.json").read_text())["candidates"]
    return candidates


def require_equal_rankings(first: Path, second: Path) -> None:
    """But for the last bits of losses, which are sums in another order."""
    one, two = ranking_in(first), ranking_in(second)
    losses, found = ([each.pop("trial_loss") for each in ranking] for ranking in (one, two))
    assert one == two
    assert found[0] == pytest.approx(losses[0], rel=1e-6)
    assert losses[1:] == found[1:] == [None, None]


@steady_signs()
def test_two_processes_compute_what_one_does(tmp_path: Path) -> None:
    """Searches and trainings that the other number began or they themselves; a derivation."""
    one, two = tmp_path / "one", tmp_path / "two"
    images = Path(write_images(tmp_path, count=60).data_dir or "")
    search_in(one / "whole", images)
    search_in(one / "single", images, settings=SINGLE)
    search_in(two / "resumed", images, batches=BATCHES_OF_TWO_EPOCHS)
    search_in(two / "refined", images, settings=SINGLE, batches=BATCHES_INTO_REFINEMENT)
    assert len(read_metrics(two / "refined")) == 3
    for folder in (one, two):
        shutil.copytree(one / "whole", folder / "derived")
    derive_in(one / "derived")
    shutil.copytree(one / "derived", two / "found")
    train_in(one / "trained", images, search=one / "derived")
    train_in(two / "train-resumed", images, search=two / "found", batches=BATCHES_INTO_TRAINING)
    assert len(read_metrics(two / "train-resumed")) == 1
    two_processes("tests.barsctl.rank_program", two, images)
    assert len(read_metrics(two / "cut")) == 2
    search_in(two / "cut", images)

    require_equal_searches(one / "whole", two / "resumed")
    require_equal_searches(one / "whole", two / "cut")
    require_equal_searches(one / "single", two / "single")
    require_equal_searches(one / "single", two / "refined")
    require_same_bytes(two / "single", two / "again", LAST, METRICS)
    assert read_metrics(two / "single")[-1]["loss"]["sampled"] > 0
    assert read_metrics(two / "cut")[-1]["multiplier"]["bops"] > 0
    require_equal_rankings(one / "derived", two / "derived")
    require_same_bytes(one / "derived", two / "derived", "judged.jsonl", "genotype.json")
    weights = (LAST, "best.safetensors", "teacher/best.safetensors")
    for trained in (two / "trained", two / "train-resumed"):
        for name in weights:
            require_equal_weights(one / "trained" / name, trained / name)
        require_same_bytes(one / "trained", trained, RESULT)
    require_same_bytes(two / "trained", two / "train-again", RESULT, METRICS, *weights)


def test_command_of_two_processes_answers_once(tmp_path: Path) -> None:
    """The budget is out of reach, as both find."""
    images = write_images(tmp_path).data_dir
    answer = torchrun(
        "barsctl", "search", "--data", "npz", "--data-dir", images, "--device", "cpu",
        "--budget", "bops=1k", "--out", tmp_path / "run",
    )  # fmt: skip
    assert answer.returncode == 1
    assert answer.stdout == ""
    lines = [line for line in answer.stderr.splitlines() if line.startswith("barsctl: ")]
    assert lines == [
        "barsctl: no network keeps to bops 1000 BOPs (smallest reachable 4608); raise a budget"
    ]


def test_process_of_its_own_is_the_first_of_one() -> None:
    assert own_ranks() == Ranks(rank=0, size=1)
    assert is_first()
    assert from_first(b"as it is") == b"as it is"
    tally = Tally()
    tally.add(torch.eye(2), torch.tensor([0, 0]), torch.tensor(3.0))
    tally.count_all_ranks()
    assert (tally.loss, tally.accuracy, tally.images) == (3.0, 0.5, 2)


def test_error_of_the_first_is_no_farewell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others may be in the middle of a batch, and would wait for its sums for hours."""
    told: list[bytes] = []
    monkeypatch.setattr("barsctl.judge.from_first", told.append)

    def fail() -> None:
        with judging_ranks(tmp_path, JudgeSettings(), device=CPU) as asks:
            assert asks
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert told == []
    with judging_ranks(tmp_path, JudgeSettings(), device=CPU):
        pass
    assert told == [b""]


def test_batch_smaller_than_the_processes_is_refused(tmp_path: Path) -> None:
    batches = training_batches(
        tiny_dataset(tmp_path).train, np.random.default_rng(0), batch_size=2,
        augmentation=Augmentation(), device=CPU, ranks=Ranks(0, 3),
    )  # fmt: skip
    with pytest.raises(BarsError, match="a batch of 2 images over 3 processes: each needs one"):
        next(batches)
