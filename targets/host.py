"""The machine that this program runs on, as a target."""

import platform
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from .boards import (
    AARCH64,
    ARMV7,
    ARMV8_2_DOTPROD,
    CORTEX_A9,
    CORTEX_A72,
    CORTEX_A76,
    X86_64_V1,
    X86_64_V2,
    X86_64_V3,
    X86_64_V4,
    X86_64_VPOPCNT,
)
from .errors import TargetError
from .target import Target

_CPU_INFO = Path("/proc/cpuinfo")
# The fastest first: the host is the first whose instructions it has.
_CANDIDATES = (
    X86_64_VPOPCNT, X86_64_V4, X86_64_V3, X86_64_V2, X86_64_V1,
    ARMV8_2_DOTPROD, AARCH64, ARMV7, CORTEX_A9,
)  # fmt: skip
# By implementer and part, as /proc/cpuinfo tells them. Code for the small cores that the candidates
# are scheduled for runs well on other large ones, but not the other way round.
_CORES = {
    ("0x41", "0xd08"): CORTEX_A72,
    ("0x41", "0xd0b"): CORTEX_A76,
    ("0x41", "0xd0c"): CORTEX_A76,  # Neoverse N1
}


# Some kernels and sandboxes print no such line: then nothing is known, and nothing is taken for it.
NO_FLAGS = (
    "/proc/cpuinfo has no line of flags or Features, which tells what its processor executes: "
    "mount /proc of a system that prints one"
)


def cpu_flags(cpu_info: str) -> frozenset[str]:
    """The flags in the text of /proc/cpuinfo: "flags" on x86, "Features" on ARM."""
    for name, value in _fields(cpu_info):
        if name in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()


def runs_natively(target: Target, machine: str, flags: frozenset[str]) -> bool:
    """Whether a machine with these flags executes programs for the target."""
    return target.machine == machine and target.cpu_flags <= flags


def lack(target: Target, flags: frozenset[str], *, where: str) -> str:
    """Why a processor of the target's machine with these flags does not run its programs."""
    missing = ", ".join(sorted(target.cpu_flags - flags))
    return f"needs {missing}, which {where} lacks" if flags else f"is for {where}, but {NO_FLAGS}"


def fastest_target(machine: str, cpu_info: str) -> Target | None:
    """The fastest target of a machine, by the text of its /proc/cpuinfo; None where it has none."""
    found = dict(_fields(cpu_info))
    cores = {value for name, value in _fields(cpu_info) if name == "CPU part"}
    core = _CORES.get((found.get("CPU implementer", ""), found.get("CPU part", "")))
    alike = (core,) if core is not None and len(cores) == 1 else ()
    flags = cpu_flags(cpu_info)
    fitting = (each for each in (*alike, *_CANDIDATES) if runs_natively(each, machine, flags))
    return next(fitting, None)


def host_target() -> Target:
    """The fastest target that this machine executes, named "host".

    Raises TargetError where the machine executes none.
    """
    target = fastest_target(platform.machine(), _cpu_info())
    if target is None and not host_flags():
        raise TargetError(f"this machine ({platform.machine()}): {NO_FLAGS}; or name a target")
    if target is None:
        raise TargetError(
            f"this machine ({platform.machine()}) executes none of "
            f"{', '.join(each.name for each in _CANDIDATES)}; name another target and its emulator"
        )
    return replace(
        target,
        name="host",
        summary=f"this machine: {target.summary}",
        emulator=(),
        kernels_of=target.name,
    )


def host_flags() -> frozenset[str]:
    """The instruction-set flags of this machine; empty where /proc is missing."""
    return cpu_flags(_cpu_info())


def runs_here(target: Target) -> bool:
    """Whether this machine executes programs for the target without an emulator."""
    return runs_natively(target, platform.machine(), host_flags())


def _cpu_info() -> str:
    return _CPU_INFO.read_text() if _CPU_INFO.exists() else ""


def _fields(cpu_info: str) -> Iterator[tuple[str, str]]:
    for line in cpu_info.splitlines():
        name, _, value = line.partition(":")
        yield name.strip(), value.strip()
