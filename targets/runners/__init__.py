"""Running compiled programs: here, or under an emulator."""

from pathlib import Path

from targets.target import Target

from .emulated import emulated_program
from .local import local_program
from .program import NotRunnable, Program


def runnable(path: Path, target: Target) -> Program | NotRunnable:
    """The program on this machine, else under an emulator, else why neither can be.

    Raises TargetError where the file is no program.
    """
    here = local_program(path, target)
    if isinstance(here, Program):
        return here
    emulated = emulated_program(path, target)
    if isinstance(emulated, Program):
        return emulated
    return NotRunnable(f"{here.reason}; {emulated.reason}")
