"""The registry of targets: name -> constructor."""

from collections.abc import Callable

from .boards import (
    AARCH64,
    ARMV7,
    CORTEX_A72,
    CORTEX_A76,
    CORTEX_M4F,
    CORTEX_M7,
    X86_64,
    X86_64_V2,
    X86_64_V3,
    X86_64_VPOPCNT,
)
from .errors import TargetError
from .host import host_target
from .target import Target

TARGETS: dict[str, Callable[[], Target]] = {
    "host": host_target,
    "x86-64": lambda: X86_64,
    "x86-64-v2": lambda: X86_64_V2,
    "x86-64-v3": lambda: X86_64_V3,
    "x86-64-vpopcnt": lambda: X86_64_VPOPCNT,
    "aarch64": lambda: AARCH64,
    "cortex-a72": lambda: CORTEX_A72,
    "cortex-a76": lambda: CORTEX_A76,
    "armv7": lambda: ARMV7,
    "cortex-m4f": lambda: CORTEX_M4F,
    "cortex-m7": lambda: CORTEX_M7,
}


def named_target(name: str) -> Target:
    """The target of that name. Raises TargetError where there is none."""
    if name not in TARGETS:
        raise TargetError(f"target {name!r} is not known; choose one of {', '.join(TARGETS)}")
    return TARGETS[name]()
