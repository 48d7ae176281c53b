"""Whole networks measured as a table's kernels were: by the same way, with the same threads."""

import time
from collections.abc import Iterator, Sequence

from costmodels.latency_table import LatencyTable, measured_target
from costmodels.protocol import network_cost
from space.graph import BlockGraph
from targets.measuring.measure import measure
from targets.measuring.measured import Failed, Measured
from targets.measuring.place import Place, parse_place
from targets.subjects.subject import subject_specs
from targets.toolchain import Notify

# A neighbour on the core may stay for as long as a measurement takes. What then takes so many times
# what its kernels took is measured again, and its fastest measurement counts.
SUSPECT = 1.1
TRIES = 3
PAUSE_S = 1.0


def measured_networks(
    graphs: Sequence[BlockGraph],
    table: LatencyTable,
    *,
    notify: Notify,
    place: Place | None = None,
) -> Iterator[Measured | Failed]:
    """Yield what the networks cost, in the table's unit, as they are measured.

    They are built as `compile` builds them, with the table's tiles and with random weights.
    place: None for the table's own. Raises TargetError where nothing can be measured there,
    CostError where the table lacks a kernel.
    """
    header = table.header
    tiles = {
        spec: table.tiles[spec.key] for spec in subject_specs(graphs) if spec.key in table.tiles
    }
    target, place = measured_target(header), place or parse_place(header.place)
    tries = TRIES if place.way in ("local", "rpc") else 1  # counts are equal every time
    left, fastest = list(graphs), dict[BlockGraph, Measured]()
    for number in range(tries):
        if number:
            time.sleep(PAUSE_S)
        results = measure(
            left, target, place, notify=notify, threads=header.threads, tiles=tiles
        )  # fmt: skip
        left = []
        for result in results:
            graph = result.subject
            assert isinstance(graph, BlockGraph)
            if isinstance(result, Failed):
                yield fastest.get(graph, result)
                continue
            fastest[graph] = min(result, fastest.get(graph, result), key=_median)
            if number + 1 < tries and _is_suspect(fastest[graph], graph, table):
                left.append(graph)
            else:
                yield fastest[graph]
        if not left:
            return


def _median(measured: Measured) -> float:
    return measured.median


def _is_suspect(measured: Measured, graph: BlockGraph, table: LatencyTable) -> bool:
    cost = table.in_model_unit(measured.median)
    return cost > SUSPECT * network_cost(table, graph.blocks)
