"""What the operating system says of the processor that this program runs on."""

import platform
from pathlib import Path

_CPU_INFO = Path("/proc/cpuinfo")
# The board's name says more than the core's number, which is all that 64-bit ARM kernels print.
_NAMES = ("model name", "Model", "Hardware")
_ARM_NUMBERS = ("CPU implementer", "CPU part", "CPU revision")


def cpu_name() -> str:
    """The processor's name, or the architecture where the system does not tell."""
    told = named_in(_CPU_INFO.read_text()) if _CPU_INFO.exists() else ""
    return told or platform.machine()


def named_in(cpu_info: str) -> str:
    """The processor's name in the text of /proc/cpuinfo; empty where it has none."""
    pairs = (line.partition(":") for line in cpu_info.splitlines())
    fields = {name.strip(): value.strip() for name, _, value in pairs}
    for name in _NAMES:
        if fields.get(name):
            return fields[name]
    numbers = [f"{name} {fields[name]}" for name in _ARM_NUMBERS if name in fields]
    return ", ".join(numbers)
