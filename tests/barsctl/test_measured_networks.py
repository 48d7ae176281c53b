"""A network measured whole: what a neighbour on the core made slow is measured again."""

from collections.abc import Iterator, Sequence

import pytest

from barsctl import measured_networks
from barsctl.measured_networks import measured_network
from costmodels.latency_table import LatencyTable
from costmodels.protocol import network_cost
from space.graph import BlockGraph
from targets.errors import TargetError
from targets.kernel_specs import kernel_specs
from targets.measuring.measured import Failed, Measured
from tests.example_graphs import EXAMPLE_GRAPHS
from tests.example_tables import table_of

GRAPH = EXAMPLE_GRAPHS["reduction"]()


@pytest.fixture
def table() -> LatencyTable:
    """A table in which a kernel takes 1 us."""
    specs = (spec for block in GRAPH.blocks for spec in kernel_specs(block))
    return table_of(dict.fromkeys(specs, 1.0))


def found(
    table: LatencyTable, monkeypatch: pytest.MonkeyPatch, *turns: float | str
) -> tuple[float | str, int]:
    """What a network is said to cost, and how many of the turns it took.

    turns: how many times the sum of its kernels it takes each time; "failed", or "board is lost".
    """
    answers = list(turns)
    expected_us = 1e3 * network_cost(table, GRAPH.blocks)

    def measured(graphs: Sequence[BlockGraph], *_: object, **__: object) -> Iterator[object]:
        (graph,) = graphs
        match answers.pop(0):
            case "board is lost":
                raise TargetError("board is lost")
            case "failed":
                yield Failed(graph, "failed")
            case slower:
                assert isinstance(slower, float)
                yield Measured(graph, (slower * expected_us,))

    monkeypatch.setattr(measured_networks, "measure", measured)
    monkeypatch.setattr(measured_networks, "PAUSE_S", 0.0)
    result = measured_network(GRAPH, table, notify=print)
    taken = len(turns) - len(answers)
    return result.reason if isinstance(result, Failed) else result.median / expected_us, taken


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        pytest.param((1.05,), 1.05, id="as long as its kernels: measured once"),
        pytest.param((1.5, 1.02), 1.02, id="much slower: measured again"),
        pytest.param((1.5, 1.3, 1.4), 1.3, id="slow every time: the fastest counts"),
        pytest.param((1.5, "failed", 1.4), 1.4, id="a repetition that fails costs nothing"),
        pytest.param((1.5, "board is lost"), 1.5, id="nor does one that loses the board"),
        pytest.param(("failed",), "failed", id="what fails is not measured again"),
    ],
)
def test_network_is_measured_until_it_is_calm(
    table: LatencyTable,
    monkeypatch: pytest.MonkeyPatch,
    turns: Sequence[float | str],
    expected: float | str,
) -> None:
    result, taken = found(table, monkeypatch, *turns, "never asked for")
    assert result == (expected if isinstance(expected, str) else pytest.approx(expected))
    assert taken == len(turns)


def test_board_that_is_lost_at_first_is_told(
    table: LatencyTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TargetError, match="board is lost"):
        found(table, monkeypatch, "board is lost")
