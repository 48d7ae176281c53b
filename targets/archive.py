"""Static libraries as ar writes them: their members, and the names of their functions."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .elf import machine_of
from .errors import TargetError

MAGIC = b"!<arch>\n"
_HEADER_BYTES, _ELF_START_BYTES = 60, 20
_INDEX, _LONG_NAMES = "/", "//"


@dataclass(frozen=True, slots=True)
class Archive:
    """The machine of a library's objects, how many they are, and the functions it offers."""

    machine: str
    objects: int
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    offset: int
    bytes: int


def read_archive(path: Path) -> Archive:
    """What an archive holds. Raises TargetError where it is damaged, or of other than ELF files."""
    try:
        with path.open("rb") as file:
            return _read(file, what=str(path))
    except (struct.error, IndexError) as error:
        raise TargetError(
            f"{path}: its members lead out of the file; it is damaged or cut off: compile it again"
        ) from error


def _read(file: BinaryIO, *, what: str) -> Archive:
    """Raises struct.error or IndexError where the file is damaged."""
    members = list(_members(file))
    objects = [each for each in members if each.name not in (_INDEX, _LONG_NAMES)]
    if not objects:
        raise TargetError(f"{what}: this library has no objects; compile it again")
    machines = {machine_of(_start(file, each), what=what) for each in objects}
    if len(machines) > 1:
        raise TargetError(
            f"{what}: its objects are for {', '.join(sorted(machines))}; one library is for one "
            "machine: compile it again"
        )
    symbols = [name for each in members if each.name == _INDEX for name in _symbols(file, each)]
    return Archive(machines.pop(), len(objects), tuple(symbols))


def _members(file: BinaryIO) -> Iterator[_Member]:
    end = file.seek(0, 2)
    at = len(MAGIC)
    while at < end:
        file.seek(at)
        header = file.read(_HEADER_BYTES)
        size = header[48:58].strip()
        if header[58:60] != b"`\n" or not size.isdigit():
            raise IndexError(at)
        member = _Member(
            header[:16].decode("ascii", "replace").strip(), at + _HEADER_BYTES, int(size)
        )
        at = member.offset + member.bytes
        if at > end:
            raise IndexError(at)
        yield member
        at += at % 2


def _start(file: BinaryIO, member: _Member) -> bytes:
    file.seek(member.offset)
    return file.read(min(member.bytes, _ELF_START_BYTES))


def _symbols(file: BinaryIO, index: _Member) -> list[str]:
    """A count, as many offsets of members, and as many names."""
    file.seek(index.offset)
    data = file.read(index.bytes)
    (count,) = struct.unpack_from(">I", data)
    names = data[4 + 4 * count :].split(b"\0")
    return [name.decode("ascii", "replace") for name in names if name]
