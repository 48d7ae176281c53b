"""Latency tables: measured kernels of one board, as JSON Lines (format 2; 1 had no tiles).

The first line is the header, each other line one kernel spec. Rows are appended as they are
measured; a torn last line, left by an interruption, is dropped on resuming.
"""

import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import TypeAdapter

from space.atomic import write_atomically
from space.blocks import Block
from space.errors import SpaceError
from space.strict_json import parse_strict
from targets.kernel_specs import kernel_specs
from targets.vector_unit import Tile

from .errors import CostError

Way = Literal["measured", "emulated", "modelled"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TableHeader:
    """What the rows hold for.

    cpu and isa_features: as read on the device. kernel_hash: of the kernels' sources. date: ISO
    8601. way: measured on the device, counted under an emulator, or modelled from the code. tuned:
    whether kernels have tiles of their own.
    """

    format: Literal[1, 2]
    target: str
    cpu: str
    isa_features: tuple[str, ...]
    threads: int
    kernel_hash: str
    compiler: str
    date: str
    way: Way
    tuned: bool


@dataclass(frozen=True, slots=True)
class TableRow:
    """n runs of the kernel with this key, in microseconds; tile: its own, if it was tuned."""

    key: str
    n: int
    median_us: float
    p10_us: float
    p90_us: float
    min_us: float
    tile: Tile | None = None

    def __post_init__(self) -> None:
        ordered = 0 <= self.min_us <= self.p10_us <= self.median_us <= self.p90_us < math.inf
        if self.n < 1 or not ordered:
            raise CostError(
                f"{self.key}: n={self.n}, min {self.min_us}, p10 {self.p10_us}, median "
                f"{self.median_us}, p90 {self.p90_us} us; n must be at least 1 and times finite, "
                "not negative and in this order: measure the kernel again"
            )


_HEADER = TypeAdapter(TableHeader)
_ROW = TypeAdapter(TableRow)


@dataclass(frozen=True, slots=True)
class LatencyTable:
    """A cost model: the latency of a block is the sum of its kernels' medians."""

    header: TableHeader
    rows: dict[str, TableRow]
    name: str = "latency"
    unit: str = "ms"

    def cost(self, block: Block) -> float:
        """Milliseconds. Raises CostError where a kernel of the block was not measured."""
        return sum(self._median_us(spec.key) for spec in kernel_specs(block)) / 1000

    @property
    def tiles(self) -> dict[str, Tile]:
        """Of the kernels that were tuned, by key."""
        return {key: row.tile for key, row in self.rows.items() if row.tile is not None}

    def _median_us(self, key: str) -> float:
        if key not in self.rows:
            raise CostError(
                f"{key} is not in the latency table of {self.header.target}; every kernel of a "
                "network needs a row: run `barsctl profile` again for its space"
            )
        return self.rows[key].median_us


def require_fit(table: LatencyTable, *, target: str, kernel_hash: str) -> None:
    """Raise CostError where a table is of another target or of other kernels."""
    wanted = {"target": target, "kernel_hash": kernel_hash}
    found = {"target": table.header.target, "kernel_hash": table.header.kernel_hash}
    for name, value in wanted.items():
        if found[name] != value:
            raise CostError(
                f"latency table has {name} {found[name]}, the compiler has {value}; a table holds "
                "for its own target and kernels only: run `barsctl profile` again"
            )


def read_table(path: Path) -> LatencyTable:
    """The table of a file. Raises CostError where it breaks a rule, OSError if unreadable."""
    lines = path.read_bytes().splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        raise CostError(f"{path}: line {len(lines)} is torn; run `barsctl profile` again to resume")
    return _parse(path, lines)


def resume_table(path: Path, header: TableHeader) -> LatencyTable:
    """The table so far, ready for `append_row`: a new one where there is no file.

    Raises CostError where the file breaks a rule or has another header (but for its date).
    """
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    whole = lines[:-1] if lines and not lines[-1].endswith(b"\n") else lines
    # The header is written whole: a file that is one torn line is none of ours, and stays.
    table = _parse(path, whole or lines) if lines else LatencyTable(header, {})
    _require_same(path, replace(table.header, date=header.date), header)
    if whole != lines or not whole:
        write_atomically(path, b"".join(whole) or _line(header))
    return table


def append_row(path: Path, row: TableRow) -> None:
    """Append a row to a table's file and wait until it is on the disk."""
    with path.open("a") as file:
        file.write(_line(row))
        file.flush()
        os.fsync(file.fileno())


def _line(record: TableHeader | TableRow) -> str:
    return json.dumps(asdict(record)) + "\n"


def _require_same(path: Path, found: TableHeader, wanted: TableHeader) -> None:
    old, new = asdict(found), asdict(wanted)
    for name, value in new.items():
        if old[name] != value:
            raise CostError(
                f"{path}: {name} is {old[name]!r}, now {value!r}; rows of one table are measured "
                "alike: write to another file"
            )


def _parse(path: Path, lines: Sequence[bytes]) -> LatencyTable:
    if not lines:
        raise CostError(f"{path} is empty; a table begins with its header: run `barsctl profile`")
    header = _record(path, _current(lines[0], lines[0], tuned=False), _HEADER, number=1)
    rows: dict[str, TableRow] = {}
    for number, line in enumerate(lines[1:], start=2):
        current = _current(line, lines[0], tile=None)
        row = _record(path, current, _ROW, number=number)
        if row.key in rows:
            raise CostError(f"{path}: line {number}: {row.key} is there twice; drop one of them")
        rows[row.key] = row
    return LatencyTable(header, rows)


def _current(line: bytes, header: bytes, **added: object) -> bytes:
    """A line with what format 2 added, where the header is one of format 1."""
    try:
        is_old = json.loads(header)["format"] == 1
        return json.dumps({**json.loads(line), **added}).encode() if is_old else line
    except (ValueError, TypeError, KeyError):
        return line  # it is refused where it is parsed


def _record(path: Path, line: bytes, adapter: TypeAdapter[T], *, number: int) -> T:
    try:
        return parse_strict(line, adapter, what=f"{path}: line {number}")
    except SpaceError as error:
        raise CostError(str(error)) from error
