"""Boards' files: what they mean, where they lie, and what is wrong with broken ones."""

from pathlib import Path

import pytest

from targets.board import Board, own_folder, read_board, shipped_files
from targets.boards import CORTEX_A72
from targets.catalog import (
    PROCESSORS,
    TARGETS,
    named_target,
    own_boards,
    rebuilt_target,
    shipped_boards,
)
from targets.errors import TargetError
from targets.target import Core

ROOT = Path(__file__).parents[2]
MY_BOARD = 'name = "my-board"\nprocessor = "cortex-a72"\nclock_ghz = 1.8\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the user's boards."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    own_folder().mkdir(parents=True)
    return own_folder()


def board_file(folder: Path, text: str, name: str = "my-board.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_board_is_its_processor_at_its_clock(tmp_path: Path) -> None:
    path = board_file(tmp_path, f'{MY_BOARD}cores = 4\nram_mb = 2048\nsummary = "Mine"\n')
    board = Board("my-board", "cortex-a72", 1.8, summary="Mine", cores=4, ram_mb=2048)
    assert read_board(path, PROCESSORS) == board
    target = named_target(str(path))
    assert (target.name, target.summary) == ("my-board", "Mine")
    assert (target.processor, target.kernels_of) == ("cortex-a72", "cortex-a72")
    assert target.core == Core("cortex-a72", clock_ghz=1.8)
    assert target.vector_unit == CORTEX_A72.vector_unit
    assert target.emulator == CORTEX_A72.emulator


def test_board_without_summary_has_its_processors(tmp_path: Path) -> None:
    assert named_target(str(board_file(tmp_path, MY_BOARD))).summary == CORTEX_A72.summary


def test_whole_numbers_are_clocks_too(tmp_path: Path) -> None:
    path = board_file(tmp_path, MY_BOARD.replace("1.8", "2"))
    assert read_board(path, PROCESSORS).clock_ghz == 2.0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "my-board"\n', "", r"my-board\.toml: name is missing; add it"),
        ('processor = "cortex-a72"\n', "", "processor is missing; add it"),
        ("clock_ghz = 1.8\n", "", "clock_ghz is missing; add it"),
        ("clock_ghz", "speed", "speed is 1.8, which no board has; write one of name, processor, "),
        ("clock_ghz = 1.8", "clock_ghz = 1.8\n[core]", "core is {}, which no board has"),
        ("1.8", "1800", "clock_ghz is 1800: it must be from 0.01 to 10; write the clock in GHz"),
        ("1.8", "0", "clock_ghz is 0: it must be from"),
        ("1.8", "-1.8", "clock_ghz is -1.8: it must be from"),
        ("1.8", "nan", "clock_ghz is nan: it must be from"),
        ("1.8", "inf", "clock_ghz is inf: it must be from"),
        ("1.8", '"1.8"', "clock_ghz is '1.8': Input should be a valid number; correct it"),
        ("1.8", "true", "clock_ghz is True: Input should be a valid number; correct it"),
        ("1.8", "2026-01-01", "clock_ghz is '2026-01-01': Input should be a valid number"),
        ("cortex-a72", "z80", "processor is 'z80': it must be one of x86-64-v1, .*cortex-m7; take"),
        ("cortex-a72", "host", "processor is 'host': it must be one of"),
        ("cortex-a72", "x86-64", "processor is 'x86-64': it must be one of"),
        ("my-board", "My Board", "name is 'My Board': it must be lower-case letters"),
        ("my-board", "../up", r"name is '\.\./up': it must be"),
        ("my-board", "a" * 64, f"name is '{'a' * 64}': it must be .*, at most 63, "),
        ("my-board", "my.toml", r"my\.toml.: .* takes what ends in \.toml for a file; write my"),
        ("my-board", "armv7", "name is 'armv7', which another target has; choose another"),
        ("my-board", "raspberry-pi-4", "name is 'raspberry-pi-4', which another target has"),
        ("1.8", "1.8\ncores = 0", "cores is 0: it must be at least 1; correct it"),
        ("1.8", "1.8\nram_mb = 0.5", "ram_mb is 0.5: Input should be a valid integer"),
        ("1.8", '1.8\nsummary = "a\\nb"', r"summary is 'a\\nb': it must be one line of text"),
        ("1.8", f"1.8\ncores = {'[' * 5000}", "holds a number, or lists in lists, beyond all"),
        (
            "1.8",
            f"1.8\nram_mb = {'9' * 5000}",
            "holds a number, .*, beyond all measure; a board has",
        ),
        ("1.8", f"0x{'f' * 5000}", "holds a number, .*, beyond all measure; a board has"),
        ("1.8", "1.8\nsummary = 3", "summary is 3: Input should be a valid string"),
        ("=", "", "is no TOML: .*line 1.*; correct it"),
    ],
)
def test_broken_boards_are_refused_in_one_line(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = board_file(tmp_path, MY_BOARD.replace(old, new, 1))
    with pytest.raises(TargetError, match=message) as caught:
        named_target(str(path))
    assert str(caught.value).startswith(f"board {path}")
    assert "\n" not in str(caught.value)


def test_documented_board_keeps_the_rules(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "targets.md").read_text()
    example = text.partition("```toml\n")[2].partition("```")[0]
    assert read_board(board_file(tmp_path, example), PROCESSORS) == Board(
        "my-board", "cortex-a72", 1.8, summary="The camera's computer", cores=6, ram_mb=4096
    )
    # Every processor has its row.
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert all(any(f"`{name}`" in row for row in rows) for name in PROCESSORS)


def test_unreadable_boards_are_named(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"gone\.toml cannot be read .No such file"):
        named_target(str(tmp_path / "gone.toml"))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(TargetError, match=r"bytes\.toml is no TOML: .* correct it"):
        named_target(str(tmp_path / "bytes.toml"))


def test_own_boards_are_known_by_name(folder: Path) -> None:
    board_file(folder, MY_BOARD)
    assert list(own_boards()) == ["my-board"]
    assert named_target("my-board").core == Core("cortex-a72", clock_ghz=1.8)
    with pytest.raises(TargetError, match=r"'pi4' is not known; .*, my-board, or give a board's"):
        named_target("pi4")


def test_two_own_boards_of_one_name_are_refused(folder: Path) -> None:
    board_file(folder, MY_BOARD, "a.toml")
    board_file(folder, MY_BOARD, "b.toml")
    with pytest.raises(TargetError, match=r"b\.toml: name is 'my-board', which another target has"):
        named_target("my-board")


def test_broken_own_board_hides_no_other(folder: Path) -> None:
    board_file(folder, "speed = 3\n")
    assert named_target("raspberry-pi-4").processor == "cortex-a72"
    assert named_target("armv7").processor == "armv7"
    with pytest.raises(TargetError, match=r"my-board\.toml: "):
        named_target("pi4")


def test_own_boards_lie_in_the_users_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/settings")
    assert own_folder() == Path("/settings/barsctl/boards")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert own_folder() == Path("/home/me/.config/barsctl/boards")


@pytest.mark.parametrize("path", shipped_files(), ids=lambda path: path.stem)
def test_shipped_boards_keep_the_rules(path: Path) -> None:
    board = read_board(path, PROCESSORS, taken=TARGETS)
    assert board.name == path.stem
    assert shipped_boards()[board.name] == board
    assert board.summary
    assert board.cores
    assert board.ram_mb
    assert named_target(board.name).name == board.name


def test_board_is_rebuilt_without_its_file() -> None:
    board = rebuilt_target("my-board", processor="cortex-a72", clock_ghz=1.8)
    assert board.core == Core("cortex-a72", clock_ghz=1.8)
    assert (board.name, board.processor) == ("my-board", "cortex-a72")
    assert rebuilt_target("armv7", processor="armv7", clock_ghz=None) == named_target("armv7")
    assert rebuilt_target("host", processor="host", clock_ghz=None) == named_target("host")
    with pytest.raises(TargetError, match=r"my-board has the processor 'z80', which is none of"):
        rebuilt_target("my-board", processor="z80", clock_ghz=None)
