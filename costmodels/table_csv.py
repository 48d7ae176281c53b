"""Latency tables as CSV, for spreadsheets and for times that another program has measured.

Lines of "#" and JSON hold the header, whole networks and the correction as a table's file does;
then come a line of column names and one for each kernel. tile_lanes and tile_pixels are empty where
a kernel was not tuned.
"""

import csv
import io
import json
from dataclasses import asdict
from pathlib import Path

from space.atomic import write_atomically

from .errors import CostError
from .latency_table import LatencyTable, TableRow
from .table_file import parse_table, table_lines

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
    try:
        lines = path.read_text().splitlines()
    except UnicodeDecodeError as error:
        raise CostError(f"{path}: it is no text ({error}); export a table as CSV") from None
    others = [line[1:].strip() for line in lines if line.startswith("#")]
    rows = csv.reader(line for line in lines if not line.startswith("#"))
    columns = next(rows, [])
    if tuple(columns) != COLUMNS:
        raise CostError(
            f"{path}: columns are {', '.join(columns)}; they must be {', '.join(COLUMNS)}"
        )
    texts = [_row_text(path, fields) for fields in rows if fields]
    header, rest = others[:1], others[1:]
    return parse_table(path, [f"{text}\n".encode() for text in (*header, *texts, *rest)])


def _row_text(path: Path, fields: list[str]) -> str:
    """A row as in a table's file; what is wrong with its values is told on parsing."""
    if len(fields) != len(COLUMNS):
        raise CostError(
            f"{path}: {','.join(fields)[:80]}: {len(fields)} fields; a row has {len(COLUMNS)}"
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
