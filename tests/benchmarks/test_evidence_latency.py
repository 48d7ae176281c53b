"""Measuring the networks of the evidence: a machine that is slower today makes none slower."""

from collections.abc import Iterator, Sequence

import pytest
from harness import evidence_latency
from harness.evidence_latency import measured_rows, slowdown_now, yardsticks
from harness.evidence_matrix import BUDGETS_US, MIDDLE_US, Cell, Row

from barsctl.errors import BarsError
from costmodels.latency_table import LatencyTable
from space.graph import BlockGraph
from targets.measuring.measured import Failed, Measured
from tests.benchmarks.test_evidence import row
from tests.example_tables import table_of

TABLE = table_of({})
NAMES = ("reactnet-like 2 strided", "reactnet-like 3 strided", "quicknet-like 4 strided")


def reference(budget_us: float, name: str, seed: int = 0, **fields: object) -> Row:
    return {**row(Cell("reference", budget_us, seed, name), 0.9 - seed / 100), **fields}


def known_rows() -> list[Row]:
    """The best of each budget, of the middle one from two seeds."""
    best = [
        reference(budget, name, validation=0.8 + index / 100)
        for index, (budget, name) in enumerate(zip(BUDGETS_US, NAMES, strict=True))
    ]
    again = reference(MIDDLE_US, NAMES[1], 1, measured_us=20.0, validation=0.1)
    untold = {**again, "cell": "untold", "measured_us": None}
    return [*best, again, untold]


def plant(monkeypatch: pytest.MonkeyPatch, slowdowns: Sequence[float], us: float) -> list[int]:
    """Let the yardsticks, which come last, be so much slower than 10 us, other networks take us.

    The first network of each turn fails, and every third turn others are twice as fast. Returns how
    many networks each turn has.
    """
    turns: list[int] = []

    def planted(graphs: Sequence[BlockGraph], *_: object, **__: object) -> Iterator[object]:
        turns.append(len(graphs))
        first = len(graphs) - len(slowdowns)
        for index, graph in enumerate(graphs[:first]):
            cost = us / 2 if len(turns) % 3 == 2 else us
            yield Measured(graph, (cost,)) if index else Failed(graph, "it is lost")
        for graph, slowdown in zip(graphs[first:], slowdowns, strict=True):
            yield Measured(graph, (10.0 * slowdown,))

    monkeypatch.setattr(evidence_latency, "measured_networks", planted)
    return turns


def test_yardsticks_are_the_best_as_often_as_they_were_measured() -> None:
    found = yardsticks(known_rows())
    assert [each["cell"] for each, _ in found] == [each["cell"] for each in known_rows()[:3]]
    assert [taken for _, taken in found] == pytest.approx(
        [0.9 * BUDGETS_US[0], (0.9 * MIDDLE_US + 20.0) / 2, 0.9 * BUDGETS_US[2]]
    )
    assert yardsticks([]) == []


def test_what_yardsticks_take_longer_is_taken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [(each, 10.0) for each, _ in yardsticks(known_rows())]
    turns = plant(monkeypatch, [1.2, 1.25, 9.0], 30.0)
    rows = [reference(20.0 + index, NAMES[0], measured_us=None) for index in range(8)]
    found = list(measured_rows(rows, known, TABLE))
    assert [each["cell"] for each in found] == [
        each["cell"] for index, each in enumerate(rows) if index not in (0, 6)
    ]
    assert [each["measured_us"] for each in found] == pytest.approx([30.0 / 1.25] * 6)
    assert turns == [9, 9, 9, 5, 5, 5]
    assert slowdown_now(known, TABLE) == pytest.approx(1.25)


def test_without_yardsticks_nothing_is_taken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    table: LatencyTable = TABLE
    plant(monkeypatch, [], 30.0)
    rows = [reference(20.0, NAMES[0]), reference(21.0, NAMES[0])]
    assert [each["measured_us"] for each in measured_rows(rows, [], table)] == [30.0]


def test_turns_in_which_no_yardstick_is_measured_count_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = [(each, 10.0) for each, _ in yardsticks(known_rows())]

    def planted(graphs: Sequence[BlockGraph], *_: object, **__: object) -> Iterator[object]:
        yield from (Measured(graph, (30.0,)) for graph in graphs[:-3])
        yield from (Failed(graph, "it is lost") for graph in graphs[-3:])

    monkeypatch.setattr(evidence_latency, "measured_networks", planted)
    assert list(measured_rows([reference(20.0, NAMES[0])], known, TABLE)) == []
    with pytest.raises(BarsError, match="none of 3 yardsticks can be measured"):
        slowdown_now(known, TABLE)
