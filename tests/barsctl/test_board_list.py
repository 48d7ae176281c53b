import json

import pytest

from barsctl import board_list
from barsctl.board_list import board_rows, execution
from barsctl.commands.targets import targets
from targets.boards import AARCH64, X86_64_V3
from targets.catalog import TARGETS


def test_every_target_has_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    targets(as_json=True)
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(TARGETS)
    assert rows[0]["runs_here"] == "native"


def test_table_names_every_target(capsys: pytest.CaptureFixture[str]) -> None:
    targets()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["target", *TARGETS]


def test_foreign_target_runs_under_its_emulator_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_list, "runs_here", lambda _: False)
    assert execution(X86_64_V3) == "no"
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/qemu-aarch64")
    assert execution(AARCH64) == "emulated"
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert execution(AARCH64) == "no"


def test_nothing_compiles_without_tvm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_list, "installed_version", lambda _: None)
    assert not any(row.compiles_here for row in board_rows())
