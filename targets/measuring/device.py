"""What answers at a place: which processor, and how many boards."""

import platform
from dataclasses import dataclass
from pathlib import Path

from targets.errors import TargetError
from targets.host import NO_FLAGS, cpu_flags, runs_natively
from targets.target import Target

from .place import Place
from .timing import TimingWorker

_CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Device:
    """A processor that measures: the first word of `uname -m` and the text of /proc/cpuinfo.

    Both are empty where the place does not tell.
    """

    machine: str
    cpu_info: str


def device_at(place: Place) -> Device:
    """The processor at a place that times. Raises TargetError where nobody answers."""
    if place.way != "rpc":
        return Device(platform.machine(), _CPU_INFO.read_text() if _CPU_INFO.exists() else "")
    with TimingWorker(place) as worker:
        return told_device(worker.facts().device_info)


def told_device(device_info: str) -> Device:
    """What our agent tells: a line "machine: ...", then more lines, as /proc/cpuinfo has them."""
    first, _, rest = device_info.partition("\n")
    return Device(first.removeprefix("machine: "), rest)


def require_executes(device: Device, target: Target, place: Place) -> None:
    """Raise TargetError where a device is known to lack what a target's kernels need."""
    flags = cpu_flags(device.cpu_info)
    if not device.machine or runs_natively(target, device.machine, flags):
        return
    if device.machine == target.machine and not flags:
        raise TargetError(f"{place} is {device.machine}, but its {NO_FLAGS}")
    wanted = " ".join((target.machine, *sorted(target.cpu_flags - flags)))
    raise TargetError(
        f"{place} is {device.machine}; kernels for {target.name} need what it lacks of {wanted}: "
        "name the board's own target, as barsctl targets lists it"
    )
