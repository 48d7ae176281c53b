"""ELF files: programs, shared libraries and the objects of static ones, for any processor.

Only headers and tables are read: what a program holds may be large.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .errors import TargetError

# e_machine of the ELF specification -> the first word of `uname -m`.
_MACHINES = {40: "armv7l", 62: "x86_64", 183: "aarch64"}
_KINDS = {1: "object", 2: "program", 3: "shared library"}
_DYNAMIC_SYMBOLS, _ZERO_FILLED = 11, 8
_WRITE, _ALLOC = 1, 2


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where a class of ELF files has its fields."""

    table_offset: struct.Struct
    table_offset_at: int
    counts_at: int
    section: struct.Struct
    """name, type, flags, address, offset, size, link, info, alignment, entry size"""
    symbol: struct.Struct
    """The name, and as many bytes as a symbol has."""


_LAYOUTS = {
    1: _Layout(struct.Struct("<I"), 32, 46, struct.Struct("<10I"), struct.Struct("<I12x")),
    2: _Layout(struct.Struct("<Q"), 40, 58, struct.Struct("<IIQQQQIIQQ"), struct.Struct("<I20x")),
}


@dataclass(frozen=True, slots=True)
class Elf:
    """What an ELF file says of itself. sections: their bytes in memory; exports: dynamic symbols.

    A program without dynamic symbols is a static one.
    """

    machine: str
    kind: str
    sections: dict[str, int]
    exports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Section:
    name_at: int
    type: int
    flags: int
    offset: int
    bytes: int
    link: int


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
    return machine_of(start, what=str(path))


def machine_of(start: bytes, *, what: str) -> str:
    """The machine that an ELF file's first 20 bytes name. Raises TargetError as `elf_machine`."""
    if len(start) < 20 or start[:4] != b"\x7fELF":
        raise TargetError(f"{what}: this is no ELF file; give a compiled program")
    (number,) = struct.unpack_from("<H", start, 18)
    if number not in _MACHINES:
        raise TargetError(
            f"{what}: ELF machine {number} is none of {', '.join(_MACHINES.values())}; "
            f"compile it for a target that `barsctl targets` lists"
        )
    return _MACHINES[number]


def read_elf(path: Path) -> Elf:
    """What a file's headers say. Raises TargetError where it is damaged, or none that we know."""
    machine = elf_machine(path)
    with _undamaged(path) as file:
        return _read(file, machine)


def loaded_sections(path: Path) -> list[Section]:
    """The sections of a program or library that are in memory when it runs.

    Raises TargetError where it is damaged, or none that we know.
    """
    elf_machine(path)
    with _undamaged(path) as file:
        return [
            Section(each.bytes, bool(each.flags & _WRITE), each.type != _ZERO_FILLED)
            for each in _table(file).sections
            if each.flags & _ALLOC
        ]


@contextmanager
def _undamaged(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except (struct.error, IndexError, KeyError) as error:
        raise TargetError(
            f"{path}: its ELF headers lead out of the file; it is damaged or cut off: compile it "
            "again"
        ) from error


@dataclass(frozen=True, slots=True)
class _Table:
    """The sections of a file; names: of that which has their names."""

    layout: _Layout
    kind: int
    sections: list[_Section]
    names: int


def _table(file: BinaryIO) -> _Table:
    """Raises struct.error, IndexError or KeyError where the file is damaged."""
    start = file.read(64)
    layout = _LAYOUTS[start[4]]
    (kind,) = struct.unpack_from("<H", start, 16)
    (table_at,) = layout.table_offset.unpack_from(start, layout.table_offset_at)
    _, count, names_index = struct.unpack_from("<HHH", start, layout.counts_at)
    table = _bytes_at(file, table_at, count * layout.section.size)
    sections = [
        _Section(name_at, type_, flags, offset, size, link)
        for name_at, type_, flags, _, offset, size, link, *_ in layout.section.iter_unpack(table)
    ]
    for section in sections:
        if section.type != _ZERO_FILLED:
            _require_inside(file, section.offset, section.bytes)
    return _Table(layout, kind, sections, names_index)


def _read(file: BinaryIO, machine: str) -> Elf:
    """Raises struct.error, IndexError or KeyError where the file is damaged."""
    found = _table(file)
    sections = found.sections
    names = _content(file, sections[found.names])
    exports = [
        name
        for section in sections
        if section.type == _DYNAMIC_SYMBOLS
        for name in _symbols(file, section, sections[section.link], found.layout)
    ]
    sizes = {_text(names, each.name_at): each.bytes for each in sections[1:]}
    return Elf(machine, _KINDS[found.kind], sizes, tuple(exports))


def _symbols(file: BinaryIO, table: _Section, names: _Section, layout: _Layout) -> list[str]:
    texts = _content(file, names)
    found = [_text(texts, at) for (at,) in layout.symbol.iter_unpack(_content(file, table))]
    return [name for name in found if name]


def _content(file: BinaryIO, section: _Section) -> bytes:
    return _bytes_at(file, section.offset, section.bytes)


def _bytes_at(file: BinaryIO, offset: int, count: int) -> bytes:
    _require_inside(file, offset, count)
    file.seek(offset)
    return file.read(count)


def _require_inside(file: BinaryIO, offset: int, count: int) -> None:
    if offset + count > file.seek(0, 2):
        raise IndexError(offset + count)


def _text(names: bytes, at: int) -> str:
    if at >= len(names):
        raise IndexError(at)
    return names[at:].partition(b"\0")[0].decode("ascii", "replace")
