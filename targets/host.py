"""The machine that this program runs on, as a target."""

import platform
from dataclasses import replace
from pathlib import Path

from .boards import AARCH64, ARMV7, X86_64_V2, X86_64_V3, X86_64_VPOPCNT
from .errors import TargetError
from .target import Target

_CPU_INFO = Path("/proc/cpuinfo")
# The fastest first: the host is the first whose instructions it has.
_CANDIDATES = (X86_64_VPOPCNT, X86_64_V3, X86_64_V2, AARCH64, ARMV7)


# Some kernels and sandboxes print no such line: then nothing is known, and nothing is taken for it.
NO_FLAGS = (
    "/proc/cpuinfo has no line of flags or Features, which tells what its processor executes: "
    "mount /proc of a system that prints one"
)


def cpu_flags(cpu_info: str) -> frozenset[str]:
    """The flags in the text of /proc/cpuinfo: "flags" on x86, "Features" on ARM."""
    for line in cpu_info.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()


def runs_natively(target: Target, machine: str, flags: frozenset[str]) -> bool:
    """Whether a machine with these flags executes programs for the target."""
    return target.machine == machine and target.cpu_flags <= flags


def lack(target: Target, flags: frozenset[str], *, where: str) -> str:
    """Why a processor of the target's machine with these flags does not run its programs."""
    missing = ", ".join(sorted(target.cpu_flags - flags))
    return f"needs {missing}, which {where} lacks" if flags else f"is for {where}, but {NO_FLAGS}"


def host_target() -> Target:
    """The fastest target that this machine executes, named "host".

    Raises TargetError where the machine executes none.
    """
    flags = host_flags()
    for target in _CANDIDATES:
        if runs_natively(target, platform.machine(), flags):
            return replace(
                target, name="host", summary=f"this machine: {target.summary}", emulator=()
            )
    if not flags:
        raise TargetError(f"this machine ({platform.machine()}): {NO_FLAGS}; or name a target")
    raise TargetError(
        f"this machine ({platform.machine()}) executes none of "
        f"{', '.join(target.name for target in _CANDIDATES)}; name another target and its emulator"
    )


def host_flags() -> frozenset[str]:
    """The instruction-set flags of this machine; empty where /proc is missing."""
    return cpu_flags(_CPU_INFO.read_text()) if _CPU_INFO.exists() else frozenset()


def runs_here(target: Target) -> bool:
    """Whether this machine executes programs for the target without an emulator."""
    return runs_natively(target, platform.machine(), host_flags())
