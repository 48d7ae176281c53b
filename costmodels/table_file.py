"""Latency tables as files: JSON Lines (format 4; 3 had no processor, 2 times alone, 1 no tiles).

The first line is the header; each other line has a kernel's key, a measured network, or the
correction, of which the last one holds. Lines are appended as they are measured; a torn last line,
left by an interruption, is dropped on resuming. A kernel that was learned and is measured later has
two lines, of which the measured one holds.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from space.atomic import write_atomically
from space.errors import SpaceError
from space.json_lines import NO_LINES, read_lines
from space.strict_json import parse_strict

from .correction import Correction
from .errors import CostError
from .latency_table import LatencyTable, NetworkRow, TableHeader, TableRow

FORMAT = 4
# The first in which rows may be counts, or times of another place.
_PLACES = 3
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CorrectionLine:
    """A line with a correction."""

    correction: Correction


NumberedLine = tuple[int, bytes]
Line = TableHeader | TableRow | NetworkRow | CorrectionLine
_HEADER = TypeAdapter(TableHeader)
_ROW = TypeAdapter(TableRow)
_NETWORK = TypeAdapter(NetworkRow)
_CORRECTION = TypeAdapter(CorrectionLine)
# What may differ between two measurements that go into one table.
_FREE = {"date", "place"}


def read_table(path: Path) -> LatencyTable:
    """The table of a file. Raises CostError where it breaks a rule, OSError if unreadable."""
    lines = read_lines(path)
    if lines.torn:
        raise CostError(
            f"{path}: line {len(lines.whole) + 1} is torn; run `barsctl profile --resume`"
        )
    return parse_table(path, _numbered(lines.whole))


def resume_table(path: Path, header: TableHeader) -> LatencyTable:
    """The table so far, ready for `append_line`: a new one where there is no file.

    Raises CostError where the file breaks a rule or holds for something else than the header's.
    """
    lines = read_lines(path) if path.exists() else NO_LINES
    # The header is written whole: a file that is one torn line is none of ours, and stays.
    found = lines.whole or tuple(filter(None, [lines.torn]))
    table = parse_table(path, _numbered(found)) if found else LatencyTable(header, {})
    _require_same(path, table.header, header)
    if lines.torn or not found:
        write_atomically(path, b"".join(lines.whole) or _text(header))
    return table


def write_table(path: Path, table: LatencyTable) -> None:
    """Write a whole table, atomically."""
    write_atomically(path, "".join(map(_text, table_lines(table))))


def table_lines(table: LatencyTable) -> list[Line]:
    """What a table's file holds, in order."""
    correction = [] if table.correction is None else [CorrectionLine(table.correction)]
    return [table.header, *table.rows.values(), *table.networks.values(), *correction]


def append_line(path: Path, line: TableRow | NetworkRow | CorrectionLine) -> None:
    """Append to a table's file and wait until it is on the disk."""
    with path.open("a") as file:
        file.write(_text(line))
        file.flush()
        os.fsync(file.fileno())


def _text(line: Line) -> str:
    return json.dumps(asdict(line)) + "\n"


def _require_same(path: Path, found: TableHeader, wanted: TableHeader) -> None:
    old, new = asdict(found), asdict(wanted)
    for name in new:
        if name not in _FREE and old[name] != new[name]:
            raise CostError(
                f"{path}: {name} is {old[name]!r}, now {new[name]!r}; rows of one table are "
                "measured alike: write to another file"
            )


def _numbered(lines: Sequence[bytes]) -> list[NumberedLine]:
    return list(enumerate(lines, start=1))


def parse_table(path: Path, lines: Sequence[NumberedLine]) -> LatencyTable:
    """The table that lines hold, the header first.

    Raises CostError that names the path and the line's number where one breaks a rule.
    """
    if not lines:
        raise CostError(f"{path} is empty; a table begins with its header: run `barsctl profile`")
    (first_number, first), *others = lines
    old_format = _format(first)
    header = _record(path, _header_now(first, old_format), _HEADER, number=first_number)
    rows: dict[str, TableRow] = {}
    networks: dict[str, NetworkRow] = {}
    correction: Correction | None = None
    for number, line in others:
        if line.startswith(b'{"correction"'):
            correction = _record(path, line, _CORRECTION, number=number).correction
        elif line.startswith(b'{"network"'):
            network = _record(path, line, _NETWORK, number=number)
            networks[network.network] = network
        else:
            row = _record(path, _row_now(line, old_format), _ROW, number=number)
            if row.way not in (header.way, "learned"):
                raise CostError(
                    f"{path}: line {number}: {row.key} is {row.way}, the table {header.way}; rows "
                    "of one table are measured alike: drop the line, and resume"
                )
            _add(path, rows, row, number=number)
    return LatencyTable(header, rows, networks, correction)


def _add(path: Path, rows: dict[str, TableRow], row: TableRow, *, number: int) -> None:
    if row.key in rows and rows[row.key].way != "learned":
        raise CostError(f"{path}: line {number}: {row.key} is there twice; drop one of them")
    rows[row.key] = row


def _record(path: Path, line: bytes, adapter: TypeAdapter[T], *, number: int) -> T:
    try:
        return parse_strict(line, adapter, what=f"{path}: line {number}")
    except SpaceError as error:
        raise CostError(str(error)) from error


def _format(header: bytes) -> int:
    """The format of an older table, else the one of today: what is wrong is told on parsing."""
    try:
        found = json.loads(header)["format"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return FORMAT
    return found if found in (1, 2, 3) else FORMAT


def _header_now(line: bytes, old_format: int) -> bytes:
    if old_format == FORMAT:
        return line
    fields = json.loads(line)
    # Targets were processors, or this machine.
    added = {"format": FORMAT, "processor": fields.get("target"), "clock_ghz": None}
    if old_format < _PLACES:
        fields = {"tuned": False, **fields}
        added |= {"place": "local", "unit": "us"}
        if fields.get("way") == "measured":
            added["way"] = "local"
    return json.dumps(fields | added).encode()


def _row_now(line: bytes, old_format: int) -> bytes:
    """An older table's rows were timed, and had their unit in their names."""
    try:
        fields = json.loads(line) if old_format < _PLACES else None
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        return line
    renamed = {name.removesuffix("_us"): value for name, value in fields.items()}
    return json.dumps({"way": "local", "tile": None} | renamed).encode()
