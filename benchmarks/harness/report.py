"""A benchmark's command line, its table and its JSON: rows of figures, and checks on them."""

import argparse
import json
import math
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from barsctl.machine import cpu_name
from space.atomic import write_atomically

Cell = str | int | float


@dataclass(frozen=True, slots=True)
class Check:
    """A figure that was asked for: at least or at most a bound."""

    name: str
    value: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def ok(self) -> bool:
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )

    def __str__(self) -> str:
        asked = f">= {self.at_least:g}" if self.at_most is None else f"<= {self.at_most:g}"
        return f"{'ok    ' if self.ok else 'MISSED'} {self.name}: {self.value:.4g} ({asked})"


@dataclass(frozen=True, slots=True)
class Options:
    """What every benchmark is asked on its command line."""

    json: Path | None
    check: bool
    quick: bool


def read_options(description: str) -> Options:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", type=Path, help="write the rows and checks to this file")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a check misses")
    parser.add_argument("--quick", action="store_true", help="finish within a minute")
    words = parser.parse_args()
    return Options(words.json, words.check, words.quick)


def report(
    benchmark: str, rows: Sequence[Mapping[str, Cell]], checks: Sequence[Check], options: Options
) -> None:
    """Print the table and the checks, write the JSON, and exit with 1 where asked and missed."""
    _print_table(rows)
    for check in checks:
        print(check)
    if options.json is not None:
        text = json.dumps(_document(benchmark, rows, checks), indent=1, allow_nan=False)
        write_atomically(options.json, text + "\n")
    if options.check and not all(check.ok for check in checks):
        sys.exit(1)


def _print_table(rows: Sequence[Mapping[str, Cell]]) -> None:
    titles = list(dict.fromkeys(title for row in rows for title in row))
    lines = [titles, *([_shown(row.get(title, "")) for title in titles] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))


def _shown(cell: Cell) -> str:
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)


def _document(
    benchmark: str, rows: Sequence[Mapping[str, Cell]], checks: Sequence[Check]
) -> dict[str, object]:
    return {
        "benchmark": benchmark,
        "machine": f"{cpu_name()}, {platform.system()}, Python {platform.python_version()}",
        "rows": [{name: _in_json(cell) for name, cell in row.items()} for row in rows],
        "checks": [
            {
                "name": check.name,
                "value": _in_json(check.value),
                **({} if check.at_least is None else {"at_least": check.at_least}),
                **({} if check.at_most is None else {"at_most": check.at_most}),
                "ok": check.ok,
            }
            for check in checks
        ],
    }


def _in_json(cell: Cell) -> Cell | None:
    """None for a number that JSON has not, as of a figure that is still missing."""
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell
