"""Programs for other processors under the emulator that their target names."""

import shutil
from pathlib import Path

from targets.target import Target

from .program import NotRunnable, Program


def emulated_program(path: Path, target: Target) -> Program | NotRunnable:
    """The program under its target's emulator, or why that cannot be."""
    if not target.emulator:
        return NotRunnable(f"target {target.name} names no emulator")
    tool = target.emulator[0]
    if shutil.which(tool) is None:
        return NotRunnable(f"{tool} is not installed; on Debian: apt install {package(target)}")
    if target.is_bare_metal:
        board = (*target.emulator, "-nographic", "-monitor", "none", "-serial", "none")
        return Program((*board, "-kernel", str(path.resolve())), emulated=True, semihosting=True)
    return Program((*target.emulator, str(path.resolve())), emulated=True)


def package(target: Target) -> str:
    """Debian's package of a target's emulator."""
    return target.emulator[0] if target.is_bare_metal else "qemu-user"
