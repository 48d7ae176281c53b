"""The registry of targets: name -> constructor."""

from collections.abc import Callable

from .boards import (
    AARCH64,
    ARMV7,
    ARMV8_2_DOTPROD,
    CORTEX_A7,
    CORTEX_A9,
    CORTEX_A72,
    CORTEX_A76,
    X86_64,
    X86_64_V1,
    X86_64_V2,
    X86_64_V3,
    X86_64_V4,
    X86_64_VPOPCNT,
)
from .errors import TargetError
from .host import host_target
from .target import Target

TARGETS: dict[str, Callable[[], Target]] = {
    "host": host_target,
    "x86-64": lambda: X86_64,
    "x86-64-v1": lambda: X86_64_V1,
    "x86-64-v2": lambda: X86_64_V2,
    "x86-64-v3": lambda: X86_64_V3,
    "x86-64-v4": lambda: X86_64_V4,
    "x86-64-vpopcnt": lambda: X86_64_VPOPCNT,
    "aarch64": lambda: AARCH64,
    "cortex-a72": lambda: CORTEX_A72,
    "cortex-a76": lambda: CORTEX_A76,
    "armv8.2-dotprod": lambda: ARMV8_2_DOTPROD,
    "armv7": lambda: ARMV7,
    "cortex-a7": lambda: CORTEX_A7,
    "cortex-a9": lambda: CORTEX_A9,
}


def named_target(name: str) -> Target:
    """The target of that name. Raises TargetError where there is none."""
    if name not in TARGETS:
        raise TargetError(f"target {name!r} is not known; choose one of {', '.join(TARGETS)}")
    return TARGETS[name]()
