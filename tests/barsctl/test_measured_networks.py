"""Whole networks measured: what a neighbour on the core made slow is measured again."""

from collections.abc import Iterator, Sequence

import pytest

from barsctl import measured_networks
from costmodels.latency_table import LatencyTable
from costmodels.protocol import network_cost
from space.graph import BlockGraph
from targets.kernel_specs import kernel_specs
from targets.measuring.measured import Failed, Measured
from tests.example_graphs import EXAMPLE_GRAPHS
from tests.example_tables import table_of

GRAPHS = [EXAMPLE_GRAPHS[name]() for name in ("one-pixel", "reduction")]


@pytest.fixture
def table() -> LatencyTable:
    """A table in which a kernel takes 1 us."""
    specs = (spec for graph in GRAPHS for block in graph.blocks for spec in kernel_specs(block))
    return table_of(dict.fromkeys(specs, 1.0))


def found(
    table: LatencyTable, monkeypatch: pytest.MonkeyPatch, *turns: Sequence[float | None]
) -> tuple[dict[BlockGraph, float | str], list[int]]:
    """What is yielded, and how many networks each turn measured.

    turns: how many times the sum of its kernels each network takes; None where it fails.
    """
    answers, counts = iter(turns), list[int]()

    def measured(graphs: Sequence[BlockGraph], *_: object, **__: object) -> Iterator[object]:
        counts.append(len(graphs))
        for graph, slower in zip(graphs, next(answers), strict=True):
            us = 1e3 * network_cost(table, graph.blocks)
            yield Failed(graph, "lost") if slower is None else Measured(graph, (slower * us,))

    monkeypatch.setattr(measured_networks, "measure", measured)
    monkeypatch.setattr(measured_networks, "PAUSE_S", 0.0)
    results = list(measured_networks.measured_networks(GRAPHS, table, notify=print))
    shares: dict[BlockGraph, float | str] = {}
    for each in results:
        assert isinstance(each.subject, BlockGraph)
        us = 1e3 * network_cost(table, each.subject.blocks)
        shares[each.subject] = each.reason if isinstance(each, Failed) else each.median / us
    return shares, counts


def test_what_takes_as_long_as_its_kernels_is_measured_once(
    table: LatencyTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares, counts = found(table, monkeypatch, [1.05, 1.0])
    assert shares == pytest.approx({GRAPHS[0]: 1.05, GRAPHS[1]: 1.0})
    assert counts == [2]


def test_what_is_much_slower_is_measured_again(
    table: LatencyTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares, counts = found(table, monkeypatch, [1.5, 1.0], [1.02])
    assert shares == pytest.approx({GRAPHS[0]: 1.02, GRAPHS[1]: 1.0})
    assert counts == [2, 1]


def test_fastest_counts_of_what_stays_slow(
    table: LatencyTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares, counts = found(table, monkeypatch, [1.5, 2.0], [1.3, 1.9], [1.4, 1.8])
    assert shares == pytest.approx({GRAPHS[0]: 1.3, GRAPHS[1]: 1.8})
    assert counts == [2, 2, 2]


def test_repetition_that_fails_costs_nothing(
    table: LatencyTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares, counts = found(table, monkeypatch, [1.5, 1.0], [None])
    assert shares == pytest.approx({GRAPHS[0]: 1.5, GRAPHS[1]: 1.0})
    assert counts == [2, 1]


def test_what_fails_is_told_and_not_measured_again(
    table: LatencyTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares, counts = found(table, monkeypatch, [None, 1.0])
    assert shares == {GRAPHS[0]: "lost", GRAPHS[1]: pytest.approx(1.0)}
    assert counts == [2]
