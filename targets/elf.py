"""What ELF files tell: the processor that they are for, and the sizes of their sections."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .errors import TargetError

# e_machine of the ELF specification -> the first word of `uname -m`.
_MACHINES = {40: "armv7l", 62: "x86_64", 183: "aarch64"}

_ELF64, _NOBITS, _WRITE, _ALLOC = 2, 8, 1, 2


@dataclass(frozen=True, slots=True)
class Section:
    """What a section takes in memory; is_stored: in the file, and in a board's flash, too."""

    size_bytes: int
    is_writable: bool
    is_stored: bool


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


def loaded_sections(path: Path) -> Iterator[Section]:
    """The sections of a program or library that are in memory when it runs."""
    data = path.read_bytes()
    wide = data[4] == _ELF64
    (start,) = struct.unpack_from("<Q" if wide else "<I", data, 40 if wide else 32)
    size, count = struct.unpack_from("<HH", data, 58 if wide else 46)
    for index in range(count):
        header = struct.unpack_from("<IIQQQQ" if wide else "<6I", data, start + index * size)
        _, kind, flags, _, _, size_bytes = header
        if flags & _ALLOC:
            yield Section(size_bytes, bool(flags & _WRITE), kind != _NOBITS)
