"""What is known of a search's networks: judged.jsonl, a header and a row per network.

The accuracies hold for the search's weights and the images that the header names; a file of others
is begun anew. A torn last line, left by an interruption, is dropped.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from space.atomic import write_atomically
from space.genotype import Genotype, choices_of, genotype_of, kept_cells
from space.json_lines import NO_LINES, read_lines
from space.search_space import SearchSpace
from space.strict_json import parse_strict

JUDGED = "judged.jsonl"
KeptChoices = tuple[object, ...]


def kept_choices(genotype: Genotype) -> KeptChoices:
    """Equal for equal networks, whatever the topologies of cells that their depths drop."""
    kept = {cell.group: genotype.topologies[cell.group] for cell in kept_cells(genotype)}
    return genotype.widths, genotype.depths, tuple(kept.items())


@dataclass(frozen=True, slots=True)
class JudgedHeader:
    """What the rows hold for. checkpoint: its SHA-256. device: its type, as sums differ there."""

    format: Literal[1]
    checkpoint: str
    device: str
    seed: int
    batch_size: int
    calibration_images: int
    held_out_images: int


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """A network by its choices, and its accuracy on held-out images."""

    choices: dict[str, int]
    accuracy: float


_HEADER = TypeAdapter(JudgedHeader)
_ROW = TypeAdapter(JudgedRow)


@dataclass(frozen=True, slots=True)
class Judged:
    """The networks that were judged so far, in that order, and the file that they are kept in."""

    path: Path
    space: SearchSpace
    rows: dict[KeptChoices, JudgedRow] = field(default_factory=dict)

    def __contains__(self, genotype: Genotype) -> bool:
        return kept_choices(genotype) in self.rows

    def accuracy(self, genotype: Genotype) -> float:
        """What a network was judged. Raises KeyError where it was not."""
        return self.rows[kept_choices(genotype)].accuracy

    def add(self, genotype: Genotype, accuracy: float) -> None:
        """Keep what a network was judged."""
        row = JudgedRow(choices_of(genotype), accuracy)
        with self.path.open("a") as file:
            file.write(_line(row))
        self.rows[kept_choices(genotype)] = row


def file_digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return sha256(path.read_bytes()).hexdigest()


def read_judged(path: Path, space: SearchSpace, header: JudgedHeader) -> Judged:
    """What is known under a header; a file of another header is begun anew.

    Raises SpaceError where a row is damaged.
    """
    lines = read_lines(path) if path.exists() else NO_LINES
    first = _line(header).encode()
    is_of_header = lines.whole[:1] == (first,)
    whole = lines.whole if is_of_header else (first,)
    if lines.torn or not is_of_header:
        write_atomically(path, b"".join(whole))
    judged = Judged(path, space)
    for row in _rows(path, whole):
        judged.rows[kept_choices(genotype_of(space, row.choices))] = row
    return judged


def judged_rows(path: Path) -> tuple[JudgedHeader, list[JudgedRow]]:
    """A file's header and whole rows. Raises SpaceError where one is damaged."""
    lines = read_lines(path)
    first, *_ = (*lines.whole, lines.torn)
    header = parse_strict(first, _HEADER, what=f"{path}: line 1")
    return header, list(_rows(path, lines.whole))


def _rows(path: Path, lines: Sequence[bytes]) -> Iterator[JudgedRow]:
    for number, line in enumerate(lines[1:], start=2):
        yield parse_strict(line, _ROW, what=f"{path}: line {number}")


def _line(record: JudgedHeader | JudgedRow) -> str:
    return json.dumps(asdict(record)) + "\n"
