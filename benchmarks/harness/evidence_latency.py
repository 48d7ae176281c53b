"""What the networks of the evidence take, in microseconds of the day of its table.

A shared machine is slower on some days than on others. So networks are timed in turns with some
that were measured that day, and what these take longer now is taken off. `measured_networks` times
what it is given in turns.
"""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from barsctl.errors import BarsError
from barsctl.measured_networks import measured_networks
from costmodels.latency_table import LatencyTable
from space.graph import BlockGraph
from targets.measuring.measured import Measured

from .evidence_matrix import BUDGETS_US, MIDDLE_US, Row, best_row
from .evidence_networks import network_of

# Networks that are timed in turns, besides the yardsticks, and how often: one time in fifty is off
# by a quarter.
TOGETHER, TIMES = 6, 3
Yardsticks = Sequence[tuple[Row, float]]
"""Rows, and what their networks took on the day of the table."""


def yardsticks(rows: Sequence[Row]) -> Yardsticks:
    """The best reference of each budget and the best uniform design, as far as they were measured.

    What they took is the mean over their seeds: the same network, measured as often.
    """
    best = [best_row("reference", budget, rows) for budget in BUDGETS_US]
    best.append(best_row("uniform", MIDDLE_US, rows))
    found = {each["cell"]: each for each in best if each is not None}
    taken = {key: _measured_of_seeds(row, rows) for key, row in found.items()}
    return [(row, statistics.mean(taken[key])) for key, row in found.items() if taken[key]]


def _measured_of_seeds(row: Row, rows: Sequence[Row]) -> list[float]:
    alike = ("group", "name", "budget_us")
    return [
        each["measured_us"]
        for each in rows
        if all(each[field] == row[field] for field in alike) and each.get("measured_us")
    ]


def measured_rows(rows: Sequence[Row], known: Yardsticks, table: LatencyTable) -> Iterator[Row]:
    """Yield rows with what their networks take; without those that could not be measured."""
    for start in range(0, len(rows), TOGETHER):
        together = rows[start : start + TOGETHER]
        turns = [_timed(together, known, table) for _ in range(TIMES)]
        timed = [each for each in turns if each is not None]
        for index, row in enumerate(together):
            found = [each.costs[index] / each.slowdown for each in timed if index in each.costs]
            if found:
                yield row | {"measured_us": statistics.median(found)}


def slowdown_now(known: Yardsticks, table: LatencyTable) -> float:
    """How many times what they took on the table's day the yardsticks take now; 1 of none.

    Raises BarsError where none of them can be measured.
    """
    if not known:
        return 1.0
    found = [each.slowdown for _ in range(TIMES) if (each := _timed([], known, table)) is not None]
    if not found:
        raise BarsError(f"none of {len(known)} yardsticks can be measured; see what was told above")
    return statistics.median(found)


@dataclass(frozen=True, slots=True)
class _Timed:
    """Microseconds of those rows, by index, that were measured, and the slowdown meanwhile."""

    costs: dict[int, float]
    slowdown: float


def _timed(rows: Sequence[Row], known: Yardsticks, table: LatencyTable) -> _Timed | None:
    """What rows take; None where there are yardsticks and none of them was measured beside."""
    graphs = [network_of(row) for row in (*rows, *(row for row, _ in known))]
    costs = {
        graphs.index(each.subject): each.median
        for each in measured_networks(graphs, table, notify=print)
        if isinstance(each, Measured) and isinstance(each.subject, BlockGraph)
    }
    ratios = [
        costs[index] / then for index, (_, then) in enumerate(known, len(rows)) if index in costs
    ]
    if known and not ratios:
        return None
    return _Timed(costs, statistics.median(ratios) if ratios else 1.0)
