"""Latency tables as CSV, for spreadsheets and for times that another program has measured.

Lines of "#" and JSON hold the header, whole networks and the correction as a table's file does;
then come a line of column names and one for each kernel. tile_lanes and tile_pixels are empty where
a kernel was not tuned. Read is also what spreadsheets make of it: a byte order mark, other ends of
lines, quotes around parts of the JSON, and empty cells at the ends of lines.
"""

import csv
import io
import json
from dataclasses import asdict
from pathlib import Path

from space.atomic import write_atomically

from .errors import CostError
from .latency_table import LatencyTable, TableRow
from .table_file import NumberedLine, parse_table, table_lines

_TILE = ("tile_lanes", "tile_pixels")
_NUMBERS = ("n", "median", "p10", "p90", "min")
COLUMNS = ("key", "way", *_NUMBERS, *_TILE)


def write_csv(path: Path, table: LatencyTable) -> None:
    """Write a table as CSV, atomically."""
    text = io.StringIO()
    for line in table_lines(table):
        if not isinstance(line, TableRow):
            text.write(f"# {json.dumps(asdict(line))}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in table.rows.values():
        tile = ("", "") if row.tile is None else (row.tile.lanes, row.tile.pixels)
        numbers = (row.n, row.median, row.p10, row.p90, row.min)
        writer.writerow((row.key, row.way, *numbers, *tile))
    write_atomically(path, text.getvalue())


def read_csv(path: Path) -> LatencyTable:
    """The table of a CSV file. Raises CostError where it breaks a rule, OSError if unreadable."""
    others: list[NumberedLine] = []
    rows: list[tuple[int, list[str]]] = []
    for number, fields in _lines_of_fields(path):
        if fields[0].startswith("#"):
            # The JSON's own commas part it; no part begins with a quote, so none of them is lost.
            others.append((number, _line(",".join(fields)[1:].strip())))
        else:
            rows.append((number, fields))
    columns = tuple(rows[0][1]) if rows else ()
    if columns != COLUMNS:
        raise CostError(
            f"{path}: columns are {', '.join(columns)[:80] or 'missing'}; they must be "
            f"{', '.join(COLUMNS)}"
        )
    kernels = [
        (number, _line(_row_text(path, fields, number=number))) for number, fields in rows[1:]
    ]
    return parse_table(path, [*others[:1], *kernels, *others[1:]])


def _line(text: str) -> bytes:
    return f"{text}\n".encode()


def _lines_of_fields(path: Path) -> list[tuple[int, list[str]]]:
    """Number and fields of all lines that have any, without the empty ones beyond the columns."""
    try:
        text = path.read_text("utf-8-sig")
        reader = csv.reader(io.StringIO(text))
        lines = [(reader.line_num, fields) for fields in reader]
    except UnicodeDecodeError as error:
        raise CostError(f"{path}: it is no text ({error}); export a table as CSV") from None
    except csv.Error as error:
        raise CostError(f"{path}: it is no CSV ({error}); export a table as CSV") from None
    return [(number, fields) for number, line in lines if (fields := _without_padding(line))]


def _without_padding(fields: list[str]) -> list[str]:
    """A row keeps its columns, other lines end with a text."""
    is_row = not fields[:1] or not fields[0].startswith("#")
    least = len(COLUMNS) if is_row and any(fields) else 0
    while len(fields) > least and not fields[-1]:
        fields = fields[:-1]
    return fields


def _row_text(path: Path, fields: list[str], *, number: int) -> str:
    """A row as in a table's file; what is wrong with its values is told on parsing."""
    if len(fields) != len(COLUMNS):
        raise CostError(
            f"{path}: line {number}: {','.join(fields)[:80]}: {len(fields)} fields; a row has "
            f"{len(COLUMNS)}"
        )
    named: dict[str, object] = dict(zip(COLUMNS, fields, strict=True))
    named |= {name: _number(str(named[name])) for name in _NUMBERS}
    lanes, pixels = (_number(str(named.pop(name))) for name in _TILE)
    named["tile"] = None if lanes == pixels == "" else {"lanes": lanes, "pixels": pixels}
    return json.dumps(named)


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
