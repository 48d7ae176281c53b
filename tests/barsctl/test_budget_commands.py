"""Budgets and tables on the command line of search and derive."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from barsctl.budgets import Budget
from barsctl.run_folder import read_metrics
from barsctl.search_run import search_run
from space.decode import decode
from space.genotype import genotype_of
from targets.boards import ARMV7
from targets.lower import lower
from targets.memory import plan_arena
from tests.barsctl.command_line import CommandLine
from tests.barsctl.tiny_runs import CPU, SEARCH, SPACE, tiny_config, tiny_dataset, write_images
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


@pytest.mark.parametrize(("most_host", "most_arm"), [(0.02, 0.03), (0.0095, 0.06)])
def test_two_boards_are_kept_to_at_once(
    most_host: float, most_arm: float, barsctl: CommandLine, tmp_path: Path
) -> None:
    host = write_table(tmp_path / "host.jsonl", target="host")
    arm = write_table(tmp_path / "arm.jsonl", target="aarch64", us=3.0)
    limits = Budget("latency", most_host, "host"), Budget("latency", most_arm, "aarch64")
    config = tiny_config(write_images(tmp_path), *limits, tables=(str(host), str(arm)))
    run = tmp_path / "run"
    search_run(config, tiny_dataset(tmp_path), folder=run, resume=False, device=CPU)
    derived = barsctl("derive", run, "--candidates", 2, "--unmeasured", "--json")
    for each in json.loads(derived.out)["candidates"]:
        assert each["cost"]["latency@aarch64"] <= most_arm
        assert each["cost"]["latency@host"] <= most_host
        assert each["cost"]["latency@aarch64"] == pytest.approx(3 * each["cost"]["latency@host"])


def test_derive_takes_another_board(barsctl: CommandLine, run: Path, tmp_path: Path) -> None:
    arm = write_table(tmp_path / "arm.jsonl", target="aarch64", us=3.0)
    words = ("derive", run, "--candidates", 2, "--table", arm, "--unmeasured", "--json")
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
    words = ("derive", run, "--candidates", 1, "--unmeasured")
    assert barsctl(*words, "--table", other).exit_code == 0
    assert barsctl(*words, "--budget", "bops=1M").exit_code == 0
    answer = barsctl(*words)
    assert answer.exit_code == 1
    assert ("kernel_hash older" if kept else "own.jsonl cannot be read") in answer.err


def test_derive_keeps_to_an_arena(barsctl: CommandLine, run: Path) -> None:
    """The programs of what is derived have that arena: it is the one that is planned for them."""
    words = ("derive", run, "--candidates", 3, "--json")
    derived = barsctl(*words, "--budget", "ram@armv7=1KB", "--budget", "bops=1M")
    assert derived.exit_code == 0
    for each in json.loads(derived.out)["candidates"]:
        graph = decode(genotype_of(SPACE, each["choices"]))
        exact = plan_arena([lower(graph, ARMV7.vector_unit)], threads=1).arena_bytes
        assert each["cost"]["ram@armv7"] == exact <= 1000
    refused = barsctl(*words, "--budget", "ram=100B")
    assert refused.exit_code == 3
    assert "ram 100 bytes (smallest reachable found " in refused.err
    assert len(refused.err.splitlines()) == 1


def test_search_comes_down_to_an_arena(tmp_path: Path) -> None:
    """The expected arena falls while it is over the budget."""
    settings = replace(SEARCH, epochs=8, warmup_epochs=1, multiplier_rate=20.0)
    config = tiny_config(write_images(tmp_path), Budget("ram", 1000, "armv7"), settings=settings)
    folder = tmp_path / "run"
    last = search_run(config, tiny_dataset(tmp_path), folder=folder, resume=False, device=CPU)
    first = read_metrics(folder)[0]
    assert last["expected_cost"]["ram@armv7"] < first["expected_cost"]["ram@armv7"]
    assert last["expected_cost"]["ram@armv7"] < 1.1 * 1000
