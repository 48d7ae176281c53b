"""A user's board from its file to a table and back, also where the file is not there any more."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from barsctl import profile as profiling
from barsctl.budgets import Budget
from barsctl.errors import BarsError
from barsctl.measured_networks import measured_networks
from barsctl.package import PackageSettings
from barsctl.pricing import arena_target, read_latency_table
from costmodels.latency_table import measured_target
from costmodels.table_file import read_table
from targets.boards import CORTEX_A72
from targets.catalog import named_target
from targets.described import described_target
from targets.kernel_specs import KernelSpec
from targets.manifest import TargetFields
from targets.measuring.measured import Failed, Measured
from targets.target import Core, Target
from tests.barsctl.command_line import CommandLine
from tests.example_graphs import EXAMPLE_GRAPHS

TINY_SPACE = ("--space", "demo", "--image-size", "8", "--classes", "2")
TEXT = 'name = "my-board"\nprocessor = "cortex-a72"\nclock_ghz = 1.8\n'


@pytest.fixture
def board(tmp_path: Path) -> Path:
    path = tmp_path / "board.toml"
    path.write_text(TEXT)
    return path


@pytest.fixture
def table(
    board: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Path:
    """A table of the board, whose file is gone."""
    asked: list[Target] = []

    def measure(
        specs: Sequence[KernelSpec], target: Target, *_: object, **__: object
    ) -> list[Measured | Failed]:
        asked.append(target)
        return [Measured(spec, (2.0,)) for spec in specs]

    monkeypatch.setattr(profiling, "measure", measure)
    monkeypatch.setattr(profiling, "require_measurable", lambda *_, **__: None)
    monkeypatch.chdir(tmp_path)
    barsctl = CommandLine(monkeypatch, capsys)
    answer = barsctl("profile", *TINY_SPACE, "--target", board, "--on", "modelled")
    assert answer.exit_code == 0
    assert [target.core for target in asked] == [Core("cortex-a72", clock_ghz=1.8)]
    board.unlink()
    return tmp_path / "latency-my-board.jsonl"


def test_table_names_board_processor_and_clock(table: Path) -> None:
    header = read_table(table).header
    assert (header.target, header.processor, header.clock_ghz) == ("my-board", "cortex-a72", 1.8)
    assert header.cpu == "LLVM's model of cortex-a72 at 1.8 GHz"
    target = measured_target(header)
    assert (target.name, target.core) == ("my-board", Core("cortex-a72", clock_ghz=1.8))
    arena = arena_target(Budget("ram", 2e4, "my-board"), [read_table(table)])
    assert arena.vector_unit == CORTEX_A72.vector_unit


def test_table_is_refused_for_other_boards(board: Path, table: Path) -> None:
    found = read_latency_table(table)
    with pytest.raises(BarsError, match=r"table is of my-board, .* add --target my-board"):
        PackageSettings((named_target("raspberry-pi-4"),), "tiny", table=found)
    board.write_text(TEXT)
    mine = named_target(str(board))
    assert PackageSettings((mine,), "tiny", table=found).table_for(mine) is found
    board.write_text(TEXT.replace("cortex-a72", "aarch64"))
    with pytest.raises(BarsError, match=r"kernels for cortex-a72, and my-board has .* aarch64"):
        PackageSettings((named_target(str(board)),), "tiny", table=found)


def test_board_at_another_clock_is_another_table(
    board: Path, table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    board.write_text(TEXT.replace("1.8", "1.5"))
    barsctl = CommandLine(monkeypatch, capsys)
    answer = barsctl(
        "profile", *TINY_SPACE, "--target", board, "--on", "modelled", "--out", table, "--resume"
    )
    assert answer.exit_code == 1
    assert "clock_ghz is 1.8, now 1.5; rows of one table are measured alike" in answer.err


@pytest.mark.skipif(shutil.which("qemu-aarch64") is None, reason="no qemu-aarch64")
def test_networks_are_counted_without_the_boards_file(table: Path) -> None:
    found = read_table(table)
    header = replace(found.header, way="emulated", place="emulated", unit="instructions")
    (result,) = measured_networks(
        [EXAMPLE_GRAPHS["one-pixel"]()], replace(found, header=header), notify=print
    )
    assert isinstance(result, Measured)
    assert result.median > 100


def test_one_board_is_compiled_for_once(board: Path) -> None:
    own = named_target(str(board))
    faster = replace(own, core=Core("cortex-a72", clock_ghz=2.0))
    with pytest.raises(BarsError, match="target my-board is given twice, and not as the same"):
        PackageSettings((own, faster), "tiny")


def test_board_named_as_a_file_of_packages_is_refused(board: Path) -> None:
    own = replace(named_target(str(board)), name="model.onnx")
    with pytest.raises(BarsError, match=r"target model\.onnx has the name of a file of every"):
        PackageSettings((own,), "tiny")


def test_programs_of_a_board_are_known_without_its_file() -> None:
    fields = TargetFields("my-board", "aarch64", "cortex-a72", (), ())
    target = described_target(fields)
    assert (target.name, target.emulator) == ("my-board", CORTEX_A72.emulator)
