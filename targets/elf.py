"""ELF files: programs, shared libraries and the objects of static ones, for any processor.

To read one takes its headers and tables alone: what a program holds may be large.
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
_TEXTS, _ZERO_FILLED, _DYNAMIC_SYMBOLS = 3, 8, 11
_WRITE, _ALLOC = 1, 2
_NAMES, _TABLE_ALIGNMENT = ".shstrtab", 8


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


def strip_linked(path: Path) -> None:
    """Take out of a program or library what is not in memory when it runs, as debug sections.

    Where zig's linker does that, it builds all that a program needs of C a second time, without
    them. Raises TargetError where the file is damaged, or none that we know.
    """
    elf_machine(path)
    with _undamaged(path) as file:
        stripped = _stripped(file)
    path.write_bytes(stripped)


def _stripped(file: BinaryIO) -> bytes:
    """Raises struct.error, IndexError or KeyError where the file is damaged.

    The first section is none, and those in memory come before all others.
    """
    found = _table(file)
    layout, old_names = found.layout, _content(file, found.sections[found.names])
    pairs = list(zip(found.headers, found.sections, strict=True))
    loaded = [(header, each) for header, each in pairs if each.flags & _ALLOC]
    names, headers = bytearray(1), [found.headers[0]]
    for header, each in loaded:
        link = each.link if each.link <= len(loaded) else 0  # a static program's, to its symbols
        headers.append((len(names), *header[1:6], link, *header[7:]))
        names += _text(old_names, each.name_at).encode() + b"\0"
    end = max(each.offset + each.bytes for _, each in loaded if each.type != _ZERO_FILLED)
    name_at, size = len(names), len(names) + len(_NAMES) + 1
    names += _NAMES.encode() + b"\0"
    headers.append((name_at, _TEXTS, 0, 0, end, size, 0, 0, 1, 0))
    start = bytearray(_bytes_at(file, 0, end))
    start += names + bytes(-(end + size) % _TABLE_ALIGNMENT)
    layout.table_offset.pack_into(start, layout.table_offset_at, len(start))
    struct.pack_into("<HH", start, layout.counts_at + 2, len(headers), len(headers) - 1)
    return bytes(start + b"".join(layout.section.pack(*header) for header in headers))


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
    """The sections of a file; headers: theirs as they are; names: of that which has their names."""

    layout: _Layout
    kind: int
    headers: list[tuple[int, ...]]
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
    headers = list(layout.section.iter_unpack(table))
    sections = [
        _Section(name_at, type_, flags, offset, size, link)
        for name_at, type_, flags, _, offset, size, link, *_ in headers
    ]
    for section in sections:
        if section.type != _ZERO_FILLED:
            _require_inside(file, section.offset, section.bytes)
    return _Table(layout, kind, headers, sections, names_index)


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
    end = names.find(b"\0", at)
    return names[at : end if end >= 0 else None].decode("ascii", "replace")
