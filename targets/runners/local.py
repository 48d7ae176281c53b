"""Programs on this machine."""

import platform
from pathlib import Path

from targets.elf import elf_machine
from targets.host import host_flags, lack, runs_here
from targets.target import Target

from .program import NotRunnable, Program


def local_program(path: Path, target: Target) -> Program | NotRunnable:
    """The program as this machine runs it, or why it cannot.

    Raises TargetError where the file is no program.
    """
    machine = elf_machine(path)
    if target.is_bare_metal:
        return bare_metal(path)
    if machine != platform.machine():
        return NotRunnable(f"{path.name} is for {machine}, this machine is {platform.machine()}")
    if not runs_here(target):
        return NotRunnable(f"{path.name} {lack(target, host_flags(), where='this processor')}")
    return Program((str(path.resolve()),), emulated=False)


def bare_metal(path: Path) -> NotRunnable:
    """Why no operating system runs the program."""
    return NotRunnable(f"{path.name} is for a board without an operating system")
