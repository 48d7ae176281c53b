"""The targets as a user sees them: what each implies and what this machine can do with it."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from targets.board import Board, board_target
from targets.catalog import TARGETS, named_board, named_target, own_boards, shipped_boards
from targets.emulation.llvm_tools import has_llvm_tools
from targets.errors import TargetError
from targets.host import runs_here
from targets.target import Target

from .doctor import installed_version

Kind = Literal["processor", "board", "own board"]
Execution = Literal["native", "emulated", "no"]
_LIST_DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True)
class BoardRow:
    """A target. `cpu`, `features` and `core` are LLVM's words, `instructions` those of Linux.

    processor: whose kernels it has. clock_ghz: of its cores, for a processor of those that are
    modelled. emulator: the words in front of a program. models_here: whether LLVM's model of its
    core can be asked.
    """

    name: str
    kind: Kind
    summary: str
    processor: str
    triple: str
    cpu: str
    features: tuple[str, ...]
    instructions: tuple[str, ...]
    vector_bits: int
    core: str | None
    clock_ghz: float | None
    cores: int | None
    ram_mb: int | None
    emulator: tuple[str, ...]
    compiles_here: bool
    runs_here: Execution
    models_here: bool


def board_rows() -> Iterator[BoardRow]:
    """A row per target; `host` is left out on a machine that no target fits.

    Raises TargetError where the file of an own board breaks a rule.
    """
    for build in TARGETS.values():
        try:
            target = build()
        except TargetError:
            continue
        yield _row(target)
    for board in (*shipped_boards().values(), *own_boards().values()):
        yield _row(board_target(board, named_target(board.processor)), board)


def named_row(name: str) -> BoardRow:
    """The row of a target, or of a board's TOML file. Raises TargetError where there is none."""
    return _row(named_target(name), None if name in TARGETS else named_board(name))


def _row(target: Target, board: Board | None = None) -> BoardRow:
    core, runs = target.core, execution(target)
    clock_ghz = core.clock_ghz if core is not None else None
    kind: Kind = "processor"
    if board is not None:
        kind = "board" if board.name in shipped_boards() else "own board"
    return BoardRow(
        name=target.name,
        kind=kind,
        summary=target.summary,
        processor=target.processor,
        triple=target.llvm_triple,
        cpu=target.llvm_cpu,
        features=target.llvm_features,
        instructions=tuple(sorted(target.cpu_flags)),
        vector_bits=target.vector_unit.vector_bits,
        core=None if core is None else core.llvm_cpu,
        clock_ghz=clock_ghz if board is None else board.clock_ghz,
        cores=None if board is None else board.cores,
        ram_mb=None if board is None else board.ram_mb,
        emulator=target.emulator,
        compiles_here=can_compile(),
        runs_here=runs,
        models_here=core is not None and is_emulated(target) and has_llvm_tools(),
    )


def can_compile() -> bool:
    """Whether the kernels' compiler and the cross compiler are installed."""
    return all(installed_version(name) for name in ("apache-tvm", "ziglang"))


def execution(target: Target) -> Execution:
    """How programs for the target run on this machine."""
    if runs_here(target):
        return "native"
    return "emulated" if is_emulated(target) else "no"


def is_emulated(target: Target) -> bool:
    """Whether the target's emulator is installed, and knows its processor."""
    if not target.emulator:
        return False
    name, *words = target.emulator
    tool = shutil.which(name)
    if tool is None or "-cpu" not in words:
        return tool is not None
    # Behind a comma stands what is taken from the processor.
    processor, *_ = words[words.index("-cpu") + 1].split(",")
    return processor in _emulated_processors(tool)


@cache
def _emulated_processors(tool: str) -> frozenset[str]:
    try:
        done = subprocess.run(
            [tool, "-cpu", "help"], capture_output=True, text=True, check=False,
            timeout=_LIST_DEADLINE_S,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return frozenset()
    return frozenset(done.stdout.split())
