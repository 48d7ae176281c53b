"""The processor that an ELF file is for."""

import struct
from pathlib import Path

from .errors import TargetError

# e_machine of the ELF specification -> the first word of `uname -m`.
_MACHINES = {40: "armv7l", 62: "x86_64", 183: "aarch64"}


def elf_machine(path: Path) -> str:
    """The machine of a program or library. Raises TargetError where it is no ELF file we know."""
    try:
        with path.open("rb") as file:
            start = file.read(20)
    except OSError as error:
        raise TargetError(f"{path}: {error.strerror}; give a compiled program") from error
    if len(start) < 20 or start[:4] != b"\x7fELF":
        raise TargetError(f"{path}: this is no ELF file; give a compiled program")
    (number,) = struct.unpack_from("<H", start, 18)
    if number not in _MACHINES:
        raise TargetError(
            f"{path}: ELF machine {number} is none of {', '.join(_MACHINES.values())}; "
            f"compile it for a target that `barsctl targets` lists"
        )
    return _MACHINES[number]
