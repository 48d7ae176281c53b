"""Budgets and tables on the command line of search and derive."""

import json
from pathlib import Path

import pytest

from barsctl.budgets import Budget
from barsctl.search_run import search_run
from tests.barsctl.command_line import CommandLine
from tests.barsctl.tiny_runs import CPU, tiny_config, tiny_dataset, write_images
from tests.barsctl.tiny_tables import write_table


@pytest.fixture
def barsctl(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(monkeypatch, capsys)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a search that had no budget and no table."""
    folder = tmp_path / "run"
    config = tiny_config(write_images(tmp_path))
    search_run(config, tiny_dataset(tmp_path), folder=folder, resume=False, device=CPU)
    return folder


def search_words(folder: Path) -> tuple[object, ...]:
    data = write_images(folder).data_dir
    epochs = ("--epochs", 2, "--warmup-epochs", 1, "--batch-size", 16)
    return ("search", "--data", "npz", "--data-dir", data, *epochs, "--device", "cpu")


def test_search_needs_to_know_which_board(barsctl: CommandLine, tmp_path: Path) -> None:
    host = write_table(tmp_path / "host.jsonl", target="host")
    arm = write_table(tmp_path / "arm.jsonl", target="aarch64", us=3.0)
    words = (*search_words(tmp_path), "--table", host, "--table", arm, "--out", tmp_path / "run")
    answer = barsctl(*words, "--budget", "latency=1ms")
    assert answer.exit_code == 1
    assert "tables of host, aarch64; name one of them, as latency@host=AMOUNT" in answer.err
    answer = barsctl(*words, "--budget", "latency@armv7=1ms")
    assert "no --table has latency of armv7, only of host, aarch64" in answer.err
    assert len(answer.err.splitlines()) == 1


def test_derive_takes_another_board(barsctl: CommandLine, run: Path, tmp_path: Path) -> None:
    arm = write_table(tmp_path / "arm.jsonl", target="aarch64", us=3.0)
    words = ("derive", run, "--candidates", 2, "--table", arm, "--json")
    derived = barsctl(*words, "--budget", "latency=40us")
    assert derived.exit_code == 0
    costs = [each["cost"] for each in json.loads(derived.out)["candidates"]]
    assert all(0 < cost["latency"] <= 0.04 for cost in costs)
    assert "smallest reachable" in barsctl(*words, "--budget", "latency=1us").err


@pytest.mark.parametrize("kept", [True, False], ids=["outdated", "gone"])
def test_derive_needs_no_table_of_the_search(
    kept: bool, barsctl: CommandLine, tmp_path: Path
) -> None:
    own, run = write_table(tmp_path / "own.jsonl", target="host"), tmp_path / "run"
    config = tiny_config(write_images(tmp_path), Budget("latency", 1.0), tables=(str(own),))
    search_run(config, tiny_dataset(tmp_path), folder=run, resume=False, device=CPU)
    own.unlink()
    if kept:
        write_table(own, target="host", hash_of_kernels="older")
    other = write_table(tmp_path / "other.jsonl", target="host")
    words = ("derive", run, "--candidates", 1)
    assert barsctl(*words, "--table", other).exit_code == 0
    assert barsctl(*words, "--budget", "bops=1M").exit_code == 0
    answer = barsctl(*words)
    assert answer.exit_code == 1
    assert ("kernel_hash older" if kept else "own.jsonl cannot be read") in answer.err
