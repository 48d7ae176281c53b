"""Whole networks measured as a table's kernels were: by the same way, with the same threads."""

from collections.abc import Iterator, Sequence

from costmodels.latency_table import LatencyTable, measured_target
from space.graph import BlockGraph
from targets.measuring.measure import measure
from targets.measuring.measured import Failed, Measured
from targets.measuring.place import Place, parse_place
from targets.subjects.subject import subject_specs
from targets.toolchain import Notify


def measured_networks(
    graphs: Sequence[BlockGraph],
    table: LatencyTable,
    *,
    notify: Notify,
    place: Place | None = None,
) -> Iterator[Measured | Failed]:
    """Yield what the networks cost, in the table's unit, as they are measured.

    They are built as `compile` builds them, with the table's tiles and with random weights.
    place: None for the table's own. Raises TargetError where nothing can be measured there.
    """
    header = table.header
    tiles = {
        spec: table.tiles[spec.key] for spec in subject_specs(graphs) if spec.key in table.tiles
    }
    yield from measure(
        graphs, measured_target(header), place or parse_place(header.place),
        notify=notify, threads=header.threads, tiles=tiles,
    )  # fmt: skip
