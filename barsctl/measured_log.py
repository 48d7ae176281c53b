"""What a search's networks took when they were measured whole: measured.jsonl, a row for each.

So deriving again, after a kill or for another budget, measures nothing twice, and finds the same. A
torn last line, left by an interruption, is dropped.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from costmodels.latency_table import TableHeader
from space.atomic import write_atomically
from space.json_lines import NO_LINES, read_lines
from space.strict_json import parse_strict

MEASURED = "measured.jsonl"
# Of format 1, which did not tell them: no table's header has these, so the network counts as new.
_LATER = {"measured_for": {"cpu": "", "compiler": ""}}


@dataclass(frozen=True, slots=True)
class MeasuredFor:
    """A network by its `kernels_digest`, and what its cost holds for: where and how measured.

    cpu, compiler: of the table's header, as two machines may be the same target and place.
    """

    network: str
    target: str
    place: str
    cpu: str
    threads: int
    tuned: bool
    kernel_hash: str
    compiler: str


@dataclass(frozen=True, slots=True)
class MeasuredRow:
    """What a network cost, in the unit of the table's model."""

    format: Literal[1, 2]
    measured_for: MeasuredFor
    cost: float


_ROW = TypeAdapter(MeasuredRow)


@dataclass(frozen=True, slots=True)
class MeasuredLog:
    """The costs so far, and the file that they are kept in."""

    path: Path
    costs: dict[MeasuredFor, float] = field(default_factory=dict)

    def add(self, measured_for: MeasuredFor, cost: float) -> None:
        """Keep what a network cost."""
        with self.path.open("a") as file:
            file.write(json.dumps(asdict(MeasuredRow(2, measured_for, cost))) + "\n")
        self.costs[measured_for] = cost

    def knows(self, like: MeasuredFor) -> bool:
        """Whether any network was measured as this one."""
        return any(replace(each, network=like.network) == like for each in self.costs)


def measured_for(network: str, header: TableHeader, place: str) -> MeasuredFor:
    """What a network's cost holds for that is measured as a table was.

    A board's name alone does not say enough: its owner may give it another processor or clock.
    """
    target = header.target
    if header.processor != target:
        clock = "" if header.clock_ghz is None else f" at {header.clock_ghz:g} GHz"
        target = f"{target} ({header.processor}{clock})"
    return MeasuredFor(
        network, target, place, header.cpu, header.threads, header.tuned, header.kernel_hash,
        header.compiler,
    )  # fmt: skip


def read_measured(path: Path) -> MeasuredLog:
    """What was measured before. Raises SpaceError where a row is damaged."""
    lines = read_lines(path) if path.exists() else NO_LINES
    if lines.torn:
        write_atomically(path, b"".join(lines.whole))
    return MeasuredLog(path, _costs(path, lines.whole))


def measured_rows(path: Path) -> dict[MeasuredFor, float]:
    """The costs of a file that is there. Raises SpaceError where a row is damaged."""
    return _costs(path, read_lines(path).whole)


def _costs(path: Path, lines: Sequence[bytes]) -> dict[MeasuredFor, float]:
    rows = (
        parse_strict(line, _ROW, what=f"{path}: line {number}", later=_LATER)
        for number, line in enumerate(lines, start=1)
    )
    return {row.measured_for: row.cost for row in rows}
