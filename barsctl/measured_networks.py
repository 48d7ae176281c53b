"""Whole networks measured as a table's kernels were: by the same way, with the same threads."""

import time
from collections.abc import Iterator, Sequence

from costmodels.latency_table import LatencyTable, measured_target
from costmodels.protocol import network_cost
from space.graph import BlockGraph
from targets.errors import TargetError
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
    yield from measure(
        graphs, target, place, notify=notify, threads=header.threads, tiles=tiles
    )  # fmt: skip


def measured_network(
    graph: BlockGraph, table: LatencyTable, *, notify: Notify, place: Place | None = None
) -> Measured | Failed:
    """What one network costs, in the table's unit: see `measured_networks`.

    What a neighbour on the core may have made slow is measured again, and the fastest counts; where
    that fails, or the board is lost meanwhile, the first measurement does. Raises TargetError where
    it is lost before.
    """
    place = place or parse_place(table.header.place)
    (found,) = measured_networks([graph], table, notify=notify, place=place)
    # Counts are equal every time.
    for _ in range(TRIES - 1 if place.way in ("local", "rpc") else 0):
        if isinstance(found, Failed) or not _is_suspect(found, graph, table):
            break
        time.sleep(PAUSE_S)
        try:
            (again,) = measured_networks([graph], table, notify=notify, place=place)
        except TargetError:
            break
        if isinstance(again, Measured):
            found = min(found, again, key=lambda each: each.median)
    return found


def _is_suspect(measured: Measured, graph: BlockGraph, table: LatencyTable) -> bool:
    cost = table.in_model_unit(measured.median)
    return cost > SUSPECT * network_cost(table, graph.blocks)
