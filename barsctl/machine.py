"""What the operating system says of the processor that this program runs on."""

import platform
from pathlib import Path

_CPU_INFO = Path("/proc/cpuinfo")
# The board's name says more than the core's number, which is all that 64-bit ARM kernels print.
_NAMES = ("model name", "Model", "Hardware")
_ARM_NUMBERS = ("CPU implementer", "CPU part", "CPU revision")
# x86 clouds give processors of several generations one name.
_X86_NUMBERS = ("cpu family", "model")


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
            return fields[name] + _generation(fields)
    numbers = [f"{name} {fields[name]}" for name in _ARM_NUMBERS if name in fields]
    return ", ".join(numbers)


def _generation(fields: dict[str, str]) -> str:
    if not all(fields.get(name) for name in _X86_NUMBERS):
        return ""
    family, model = (fields[name] for name in _X86_NUMBERS)
    return f" (family {family}, model {model})"
