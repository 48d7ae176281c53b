"""The registry of targets: processors, name -> constructor, and boards, which have one of them."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from .board import SUFFIX, Board, board_target, own_files, read_board, renamed, shipped_files
from .boards import (
    AARCH64,
    ARMV7,
    ARMV8_2_DOTPROD,
    CORTEX_A7,
    CORTEX_A9,
    CORTEX_A72,
    CORTEX_A76,
    CORTEX_M4F,
    CORTEX_M7,
    X86_64,
    X86_64_V1,
    X86_64_V2,
    X86_64_V3,
    X86_64_V4,
    X86_64_VPOPCNT,
)
from .errors import TargetError
from .host import host_target
from .target import Target

TARGETS: dict[str, Callable[[], Target]] = {
    "host": host_target,
    "x86-64": lambda: X86_64,
    "x86-64-v1": lambda: X86_64_V1,
    "x86-64-v2": lambda: X86_64_V2,
    "x86-64-v3": lambda: X86_64_V3,
    "x86-64-v4": lambda: X86_64_V4,
    "x86-64-vpopcnt": lambda: X86_64_VPOPCNT,
    "aarch64": lambda: AARCH64,
    "cortex-a72": lambda: CORTEX_A72,
    "cortex-a76": lambda: CORTEX_A76,
    "armv8.2-dotprod": lambda: ARMV8_2_DOTPROD,
    "armv7": lambda: ARMV7,
    "cortex-a7": lambda: CORTEX_A7,
    "cortex-a9": lambda: CORTEX_A9,
    "cortex-m4f": lambda: CORTEX_M4F,
    "cortex-m7": lambda: CORTEX_M7,
}


# Of a board, whose tables hold for one processor.
PROCESSORS = tuple(name for name in TARGETS if name not in ("host", "x86-64"))


def named_target(name: str) -> Target:
    """The target of that name, or the board of a TOML file.

    Raises TargetError where there is none, or a board's file breaks a rule.
    """
    if name in TARGETS:
        return TARGETS[name]()
    board = named_board(name)
    return board_target(board, TARGETS[board.processor]())


def named_board(name: str) -> Board:
    """The board of that name, or of a TOML file.

    Raises TargetError where there is none, or its file breaks a rule.
    """
    shipped = shipped_boards()
    if name.endswith(SUFFIX):
        return _own_board(Path(name), shipped)
    # A broken file of the user's does not stand in the way of what comes with barsctl.
    boards = shipped if name in shipped else own_boards()
    if name not in boards:
        known = ", ".join(dict.fromkeys((*TARGETS, *shipped, *boards)))
        raise TargetError(
            f"target {name!r} is not known; choose one of {known}, or give a board's TOML file"
        )
    return boards[name]


def shipped_boards() -> dict[str, Board]:
    """The boards that come with barsctl, by name."""
    return _by_name(read_board(path, PROCESSORS) for path in shipped_files())


def own_boards() -> dict[str, Board]:
    """The boards of the user's folder, by name. Raises TargetError where a file breaks a rule."""
    shipped, found = shipped_boards(), dict[str, Board]()
    for path in own_files():
        board = _own_board(path, (*shipped, *found))
        found[board.name] = board
    return found


def rebuilt_target(name: str, *, processor: str, clock_ghz: float | None) -> Target:
    """The target that a file tells of; a board's own file may lie on another machine.

    clock_ghz: of its core, None for the processor's. Raises TargetError where this version has no
    such processor.
    """
    if processor not in TARGETS:
        raise TargetError(
            f"target {name} has the processor {processor!r}, which is none of this version's, "
            f"{', '.join(TARGETS)}; measure or compile again"
        )
    base = TARGETS[processor]()
    found = renamed(base, name, summary=base.summary, clock_ghz=clock_ghz)
    return replace(found, kernels_of=base.kernels_of) if name == processor else found


def _own_board(path: Path, others: Iterable[str]) -> Board:
    return read_board(path, PROCESSORS, taken=(*TARGETS, *others))


def _by_name(boards: Iterable[Board]) -> dict[str, Board]:
    return {board.name: board for board in boards}
