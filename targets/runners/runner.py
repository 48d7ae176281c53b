"""Where programs are run, by the place that a user names."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from targets.elf import elf_machine
from targets.errors import TargetError
from targets.host import cpu_flags, lack, runs_here, runs_natively
from targets.measuring.device import Device, device_at
from targets.measuring.place import Place
from targets.target import Target
from targets.toolchain import Notify

from . import runnable
from .board import BoardProgram, build_driver
from .emulated import emulated_program
from .local import bare_metal, local_program
from .program import NotRunnable, Runnable


@dataclass(frozen=True, slots=True)
class Runner:
    """A way to run programs.

    program: a target's as it is run, or why it cannot be; raises TargetError where the file is no
    program. executes: whether a processor's kernels run there without an emulator.
    """

    program: Callable[[Path, Target], Runnable | NotRunnable]
    executes: Callable[[Target], bool]


HERE = Runner(runnable, runs_here)


def runner_at(place: Place, *, notify: Notify) -> Runner:
    """The runner at a place. Raises TargetError where none can be, or nobody answers there."""
    match place.way:
        case "local":
            return Runner(local_program, runs_here)
        case "emulated":
            return Runner(emulated_program, lambda _: False)
        case "rpc":
            return _board_runner(place, device_at(place), notify=notify)
        case "modelled":
            raise TargetError(
                f"place {place}: a model of a core computes nothing; take local, emulated, or a "
                "board's rpc://HOST:PORT"
            )


def _board_runner(place: Place, device: Device, *, notify: Notify) -> Runner:
    flags = cpu_flags(device.cpu_info)
    driver = cache(lambda target: build_driver(target, notify=notify))

    def executes(target: Target) -> bool:
        # TVM's own server does not tell what it runs on: then the program itself will.
        return not device.machine or runs_natively(target, device.machine, flags)

    def program(path: Path, target: Target) -> Runnable | NotRunnable:
        machine = elf_machine(path)
        if target.is_bare_metal:
            return bare_metal(path)
        if device.machine and machine != device.machine:
            return NotRunnable(f"{path.name} is for {machine}, {place} is {device.machine}")
        if not executes(target):
            return NotRunnable(f"{path.name} {lack(target, flags, where=str(place))}")
        return BoardProgram(place, path, driver(target))

    return Runner(program, executes)
