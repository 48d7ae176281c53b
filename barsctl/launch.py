"""How this process was started: alone, or by torchrun as one of several that compute one run."""

import ctypes
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from .errors import BarsError

# linux/prctl.h; Python has no name for it.
PR_SET_PDEATHSIG = 1
TOGETHER = ("search", "derive", "pareto", "train")
"""The commands that several processes share one run of."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """Which of how many processes this is, and which of those on its machine."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0


def launched() -> Ranks:
    """Return what torchrun, or who else sets torch's env:// variables, says of this process.

    Raises BarsError where they are no numbers.
    """
    if not {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys():
        return Ranks()
    rank = _number("RANK")
    local_rank = _number("LOCAL_RANK") if "LOCAL_RANK" in os.environ else rank
    return Ranks(rank, _number("WORLD_SIZE"), local_rank)


def _number(name: str) -> int:
    value = os.environ[name]
    if not value.isdecimal():
        raise BarsError(
            f"the environment's {name} is {value!r}, not a number; start several processes with "
            f"torchrun, which sets it, or one without {name}"
        )
    return int(value)


@contextmanager
def among_ranks() -> Iterator[None]:
    """Join the processes that this one was started among, if any; only the first one is heard.

    What ends the context with an error passes through in the first process that it happens to; the
    others leave with exit code 1 and no word, so that there is one line.
    """
    ranks = launched()
    if ranks.size == 1:
        yield
        return
    from .ranks import joined

    _end_with_torchrun()
    with joined(ranks), ExitStack() as stack:
        if ranks.rank > 0:
            nowhere = stack.enter_context(Path(os.devnull).open("w"))
            stack.enter_context(redirect_stdout(nowhere))
            stack.enter_context(redirect_stderr(nowhere))
        yield


def _end_with_torchrun() -> None:
    """Have this process killed when torchrun is: nothing else would tell it.

    It would write on into a folder where the command is given again with --resume.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def require_together(command: str | None) -> None:
    """Raise BarsError where several processes were started for a command of one."""
    size = launched().size
    if size > 1 and command not in TOGETHER:
        raise BarsError(
            f"{command} was started as {size} processes and computes in one; start it without "
            f"torchrun, which is for {', '.join(TOGETHER)}"
        )
