import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from barsctl.budgets import Budget
from barsctl.data_choice import DataChoice
from barsctl.errors import BarsError
from barsctl.package_budgets import memory_budgets, searched_budgets
from barsctl.run_folder import CONFIG
from barsctl.search_run import SearchConfig
from space.strict_json import dump_strict
from targets.boards import AARCH64
from targets.host import runs_here
from tests.barsctl.command_line import CommandLine
from tests.barsctl.tiny_packages import train_tiny
from tests.barsctl.tiny_runs import tiny_config


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(tmp_path_factory.mktemp("budgets"))


def test_library_over_a_budget_exits_three(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("compile", run, "--out", tmp_path, "--images", 4, "--budget")
    answer = CommandLine(monkeypatch, capsys)(*words, "size=1KB", "--budget", "ram@host=1MB")
    manifest = json.loads((tmp_path / "host" / "manifest.json").read_text())
    flash = manifest["weight_bytes"] + manifest["code_bytes"]
    ram = manifest["arena_bytes"] + manifest["stack_bytes"]
    assert manifest["budgets"] == [
        {"budget": "size=1KB", "bytes": flash, "kept": False},
        {"budget": "ram@host=1MB", "bytes": ram, "kept": True},
    ]
    assert answer.exit_code == 3
    assert answer.err.splitlines()[-1].startswith("barsctl: host takes ")
    assert "of size=1KB; raise the budget" in answer.err


@pytest.mark.skipif(runs_here(AARCH64), reason="ARM runs here")
def test_budget_is_not_kept_by_a_stack_that_nobody_measured(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")  # no emulator
    words = ("compile", run, "--out", tmp_path, "--images", 4, "--target", "aarch64", "--budget")
    answer = CommandLine(monkeypatch, capsys)(*words, "ram=1MB", "--budget", "ram=2B")
    manifest = json.loads((tmp_path / "aarch64" / "manifest.json").read_text())
    arena = manifest["arena_bytes"]
    assert manifest["budgets"] == [
        {"budget": "ram=1MB", "bytes": arena, "kept": None},
        {"budget": "ram=2B", "bytes": arena, "kept": False},
    ]
    assert f"(arena {arena}, stack not measured) of ram=1MB: what was not" in answer.err
    assert answer.exit_code == 3


def test_budgets_of_a_search_are_checked_too(run: Path, tmp_path: Path) -> None:
    search, told = tmp_path / "search", list[str]()
    fields = json.loads((run / CONFIG).read_text())
    training = tmp_path / "training"
    training.mkdir()
    (training / CONFIG).write_text(json.dumps(fields | {"source": str(search)}))
    assert searched_budgets(training, told.append) == ()
    assert len(told) == 1
    assert told[0].startswith(f"budgets of memory unknown, of what was trained: {search} is not a")
    search.mkdir()
    budgets = (Budget("bops", 1e6), Budget("ram", 64e3))
    config = tiny_config(DataChoice("fashion-mini", None, None, 0), *budgets)
    (search / CONFIG).write_text(dump_strict(config, TypeAdapter(SearchConfig)))
    assert searched_budgets(training, told.append) == (Budget("ram", 64e3),)
    assert len(told) == 1
    (search / CONFIG).write_bytes((run / CONFIG).read_bytes())
    assert searched_budgets(training, told.append) == ()
    assert f"{search} is a run of 'train', one of 'search' is needed" in told[1]


def test_other_budgets_are_refused() -> None:
    with pytest.raises(BarsError, match=r"latency=2ms: compile checks size and ram, .*derive"):
        memory_budgets([Budget("latency", 2.0)], ["host"])
    with pytest.raises(BarsError, match="ram@armv7=3KB: compiled for host; add --target armv7"):
        memory_budgets([Budget("ram", 3e3, "armv7")], ["host"])
