"""Whether a file is a program or library that compiling a network made, and which."""

from collections.abc import Collection
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Literal

from .archive import MAGIC, read_archive
from .elf import read_elf

# What every program says of itself, in runtime/options.c, or in runtime/bare_metal/main.c.
PROGRAM_MARK = b"Classifies images of %dx%d pixels"
BOARD_PROGRAM_MARK = b"classifies the images of a file: "
_FUNCTIONS = ("_run", "_run_in", "_run_part")


@dataclass(frozen=True, slots=True)
class CompiledFile:
    """name: of its functions; a program has none. sections: their bytes, by name."""

    kind: Literal["static program", "shared library", "static library"]
    machine: str
    name: str | None
    sections: dict[str, int]


def read_compiled(path: Path) -> CompiledFile | None:
    """What a program or library holds; None where it is not one that barsctl compiled.

    Raises TargetError where it is damaged, no ELF file or for no machine of ours.
    """
    with path.open("rb") as file:
        is_archive = file.read(len(MAGIC)) == MAGIC
    if is_archive:
        archive = read_archive(path)
        name = _network_name(archive.symbols)
        if name is None:
            return None
        return CompiledFile("static library", archive.machine, name, {})
    elf = read_elf(path)
    name = _network_name(elf.exports)
    if name is not None and elf.kind == "shared library":
        return CompiledFile("shared library", elf.machine, name, elf.sections)
    if elf.kind == "program" and _says_what_it_is(path):
        return CompiledFile("static program", elf.machine, None, elf.sections)
    return None


def _network_name(symbols: Collection[str]) -> str | None:
    """The name before those of a compiled network's functions."""
    names = (each.removesuffix(_FUNCTIONS[0]) for each in symbols if each.endswith(_FUNCTIONS[0]))
    known = set(symbols)
    return next((name for name in names if known.issuperset(name + f for f in _FUNCTIONS)), None)


def _says_what_it_is(path: Path) -> bool:
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        return any(content.find(mark) >= 0 for mark in (PROGRAM_MARK, BOARD_PROGRAM_MARK))
