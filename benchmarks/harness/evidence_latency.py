"""What the networks of the evidence take, in microseconds of the day of its table.

A rented machine is slower on some days than on others. So networks are timed in turns with some
that were measured that day, and what these take longer now is taken off. `measured_networks` times
what it is given in turns.
"""

import statistics
from collections.abc import Iterator, Sequence

from barsctl.measured_networks import measured_networks
from costmodels.latency_table import LatencyTable
from targets.measuring.measured import Measured

from .evidence_matrix import BUDGETS_US, MIDDLE_US, Row, best_row
from .evidence_networks import network_of

# Networks that are timed in turns, besides the yardsticks.
TOGETHER = 6
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
        found, slowdown = _timed(together, known, table)
        for row, taken_us in zip(together, found, strict=True):
            if taken_us is not None:
                yield row | {"measured_us": taken_us / slowdown}


def slowdown_now(known: Yardsticks, table: LatencyTable) -> float:
    """How many times what they took on the table's day the yardsticks take now; 1 of none."""
    return _timed([], known, table)[1]


def _timed(
    rows: Sequence[Row], known: Yardsticks, table: LatencyTable
) -> tuple[list[float | None], float]:
    """What the rows' networks take now, None where that failed, and the slowdown meanwhile."""
    graphs = [network_of(row) for row in (*rows, *(row for row, _ in known))]
    results = {each.subject: each for each in measured_networks(graphs, table, notify=print)}
    found = [results[graph] for graph in graphs]
    costs = [each.median if isinstance(each, Measured) else None for each in found]
    ratios = [
        now / then
        for now, (_, then) in zip(costs[len(rows) :], known, strict=True)
        if now is not None
    ]
    return costs[: len(rows)], statistics.median(ratios) if ratios else 1.0
