"""Files of what is known of a search's networks: a header, and a row per network.

The rows hold for what the header names; a file of another header is set aside until that one is
asked for again. A torn last line, left by an interruption, is dropped.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from pydantic import TypeAdapter

from space.atomic import write_atomically
from space.genotype import Genotype, genotype_of, kept_cells
from space.json_lines import NO_LINES, JsonLines, read_lines
from space.search_space import SearchSpace
from space.strict_json import parse_strict

KeptChoices = tuple[object, ...]


class NetworkRow(Protocol):
    """What is known of the network of some choices."""

    @property
    def choices(self) -> dict[str, int]:
        """The choices that describe the network."""


Header = TypeVar("Header")
Row = TypeVar("Row", bound=NetworkRow)


def kept_choices(genotype: Genotype) -> KeptChoices:
    """Equal for equal networks, whatever the topologies of cells that their depths drop."""
    kept = {cell.group: genotype.topologies[cell.group] for cell in kept_cells(genotype)}
    return genotype.widths, genotype.depths, tuple(kept.items())


@dataclass(frozen=True, slots=True)
class RowsFormat(Generic[Header, Row]):
    """What a file's first line and its other lines are.

    later: fields of a row that came later, and what it means that they are absent.
    """

    header: TypeAdapter[Header]
    row: TypeAdapter[Row]
    later: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NetworkRows(Generic[Header, Row]):
    """The networks that are known so far, in that order, and the file that they are kept in."""

    path: Path
    space: SearchSpace
    format: RowsFormat[Header, Row]
    rows: dict[KeptChoices, Row] = field(default_factory=dict)

    def __contains__(self, genotype: Genotype) -> bool:
        return kept_choices(genotype) in self.rows

    def __getitem__(self, genotype: Genotype) -> Row:
        return self.rows[kept_choices(genotype)]

    def add(self, row: Row) -> None:
        """Keep what is known of a network."""
        with self.path.open("a") as file:
            file.write(_line(row, self.format.row))
        self.rows[kept_choices(genotype_of(self.space, row.choices))] = row


def known_rows(
    path: Path, space: SearchSpace, header: Header, form: RowsFormat[Header, Row]
) -> NetworkRows[Header, Row]:
    """What is known under a header; a file of another header is set aside.

    Raises SpaceError where a row is damaged.
    """
    first = _line(header, form.header).encode()
    lines = _lines(path)
    if lines.whole[:1] != (first,):
        _exchange(path, lines, first)
        lines = _lines(path)
    whole = lines.whole or (first,)
    if lines.torn or not lines.whole:
        write_atomically(path, b"".join(whole))
    known = NetworkRows(path, space, form)
    for row in _rows(path, whole, form):
        known.rows[kept_choices(genotype_of(space, row.choices))] = row
    return known


def _lines(path: Path) -> JsonLines:
    return read_lines(path) if path.exists() else NO_LINES


def _exchange(path: Path, lines: JsonLines, first: bytes) -> None:
    """Set a file's lines aside, and take back those that begin with the line that is asked for.

    A line that is damaged, and can be no header, keeps its file too.
    """
    if lines.whole:
        path.replace(_aside(path, lines.whole[0]))
    if (kept := _aside(path, first)).exists():
        kept.replace(path)


def _aside(path: Path, first: bytes) -> Path:
    return path.with_stem(f"{path.stem}-{sha256(first).hexdigest()[:8]}")


def header_and_rows(path: Path, form: RowsFormat[Header, Row]) -> tuple[Header, list[Row]]:
    """A file's header and whole rows. Raises SpaceError where one is damaged."""
    lines = read_lines(path)
    first, *_ = (*lines.whole, lines.torn)
    header = parse_strict(first, form.header, what=f"{path}: line 1")
    return header, list(_rows(path, lines.whole, form))


def _rows(path: Path, lines: Sequence[bytes], form: RowsFormat[Header, Row]) -> Iterator[Row]:
    for number, line in enumerate(lines[1:], start=2):
        what = f"{path}: line {number}"
        later = {"": form.later} if form.later else {}
        yield parse_strict(line, form.row, what=what, later=later)


T = TypeVar("T")


def _line(record: T, adapter: TypeAdapter[T]) -> str:
    return json.dumps(adapter.dump_python(record, mode="json")) + "\n"
