import json
from pathlib import Path

import pytest

from barsctl import board_list
from barsctl.board_list import board_rows, execution
from barsctl.commands.targets import targets
from targets.board import own_folder
from targets.boards import AARCH64, CORTEX_A76, X86_64_V1, X86_64_V4
from targets.catalog import TARGETS, shipped_boards
from targets.host import runs_here

SHIPPED = [*TARGETS, *shipped_boards()]


@pytest.fixture(autouse=True)
def no_own_boards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def install_qemu(folder: Path, name: str, processors: str) -> None:
    """An emulator that knows these processors, and nothing else."""
    script = folder / name
    script.write_text(f"#!/bin/sh\necho 'Available CPUs:'\nprintf '  %s\\n' {processors}\n")
    script.chmod(0o755)


def test_every_target_has_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    targets(as_json=True)
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert list(rows) == SHIPPED
    assert rows["host"]["runs_here"] == "native"
    pi = rows["raspberry-pi-5"]
    assert (pi["kind"], pi["processor"], pi["core"]) == ("board", "cortex-a76", "neoverse-n1")
    assert (pi["clock_ghz"], pi["cores"], pi["vector_bits"]) == (2.4, 4, 128)
    assert pi["instructions"] == ["asimd", "asimddp"]
    # LLVM models no Cortex-A7, and the board has its clock all the same.
    old = rows["raspberry-pi-2"]
    assert (old["core"], old["clock_ghz"], old["models_here"]) == (None, 0.9, False)


def test_table_names_every_target(capsys: pytest.CaptureFixture[str]) -> None:
    targets()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["target", *SHIPPED]


def test_own_boards_are_listed_last(capsys: pytest.CaptureFixture[str]) -> None:
    own_folder().mkdir(parents=True)
    text = 'name = "mine"\nprocessor = "cortex-a72"\nclock_ghz = 1.8\ncores = 6\n'
    (own_folder() / "mine.toml").write_text(text)
    row = [*board_rows()][-1]
    assert (row.name, row.kind, row.clock_ghz, row.cores) == ("mine", "own board", 1.8, 6)
    targets("mine")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("(own board)")
    assert "board             6 cores, 1.8 GHz" in lines


def test_target_is_told_by_name_and_by_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    targets("cortex-a76")
    assert "needs             asimd asimddp" in capsys.readouterr().out
    targets("cortex-m4f")
    assert "needs             -" in capsys.readouterr().out.splitlines()
    path = tmp_path / "new.toml"
    path.write_text('name = "new"\nprocessor = "armv7"\nclock_ghz = 0.9\nram_mb = 256\n')
    targets(str(path), as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["name"], found["processor"], found["ram_mb"]) == ("new", "armv7", 256)


@pytest.mark.skipif(runs_here(AARCH64), reason="ARM runs here")
def test_foreign_target_runs_under_an_emulator_that_knows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert execution(AARCH64) == "no"
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    install_qemu(tmp_path, "qemu-aarch64", "cortex-a53 cortex-a72")
    assert execution(AARCH64) == "emulated"
    assert execution(CORTEX_A76) == "no"


def test_what_is_taken_from_a_processor_is_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_list, "runs_here", lambda _: False)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    install_qemu(tmp_path, "qemu-x86_64", "Opteron_G1")
    assert execution(X86_64_V1) == "emulated"
    assert execution(X86_64_V4) == "no"  # it has no emulator


def test_nothing_compiles_without_tvm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_list, "installed_version", lambda _: None)
    assert not any(row.compiles_here for row in board_rows())
