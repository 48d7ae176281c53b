"""Calibrating a latency table: the sum of kernels, corrected by networks measured whole."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from costmodels.correction import Correction, WholeNetwork, fit_correction
from costmodels.latency_table import LatencyTable, NetworkRow
from costmodels.table_file import CorrectionLine, append_line, read_table
from space.decode import decode
from space.genotype import random_genotype
from space.graph import BlockGraph
from space.search_space import SearchSpace
from targets.kernel_specs import kernel_specs
from targets.measuring.measured import Failed, Measured
from targets.measuring.place import Place
from targets.toolchain import Notify

from .errors import BarsError
from .folder_lock import table_lock
from .lost_board import naming_resume
from .measured_networks import measured_networks
from .progress import progress_bar

MOST_DRAWS = 20


def calibrate(
    spaces: Sequence[SearchSpace], table: Path, *, networks: int, place: Place, notify: Notify
) -> Correction:
    """Measure random networks of the spaces, fit the table's correction on them, and write both.

    Networks that the table has already are not measured again. Raises BarsError where one cannot
    be measured or the board is lost, CostError where they are too few, or need a kernel that the
    table has not, FolderInUseError where another process works on the table.
    """
    with table_lock(table):
        found = read_table(table)
        graphs = _distinct(spaces, networks)
        medians = {name: _kernel_medians(graph, found) for name, graph in graphs.items()}
        missing = [graph for name, graph in graphs.items() if name not in found.networks]
        rows = {name: found.networks[name] for name in graphs if name in found.networks}
        bar = progress_bar("calibrate", len(graphs), done_steps=len(rows))
        with naming_resume(table), bar as advance:
            for result in measured_networks(missing, found, place=place, notify=notify):
                row = _row(result, place)
                append_line(table, row)
                rows[row.network] = row
                advance(partial("{:.4g} {}".format, row.median, found.header.unit))
        correction = fit_correction(
            [
                WholeNetwork(row.median, sum(medians[name]), len(medians[name]))
                for name, row in rows.items()
            ]
        )
        append_line(table, CorrectionLine(correction))
        return correction


def without_correction(table: LatencyTable, notify: Notify) -> LatencyTable:
    """A table whose learned rows change: what was fitted with them is dropped, and that is said.

    So are whole networks of a tuned table, since their kernels had no tiles of their own.
    """
    if table.correction is not None:
        notify(
            "the table's correction is dropped: kernels that it was fitted with were learned, and "
            "have other costs now; --calibrate fits it anew"
        )
    networks = {} if table.header.tuned else table.networks
    return replace(table, correction=None, networks=networks)


def _distinct(spaces: Sequence[SearchSpace], count: int) -> dict[str, BlockGraph]:
    """As many networks by their kernels; fewer where the spaces hardly have so many."""
    graphs: dict[str, BlockGraph] = {}
    for graph in islice(random_networks(spaces), MOST_DRAWS * count):
        graphs.setdefault(kernels_digest(graph), graph)
        if len(graphs) == count:
            break
    return graphs


def random_networks(spaces: Sequence[SearchSpace]) -> Iterator[BlockGraph]:
    """Networks drawn from the spaces in turn, the same ones every time, without end."""
    rng = np.random.default_rng(0)
    for space in cycle(spaces):
        yield decode(random_genotype(space, rng))


def kernels_digest(graph: BlockGraph) -> str:
    """Equal for networks of the same kernels."""
    keys = sorted(spec.key for block in graph.blocks for spec in kernel_specs(block))
    return sha256("\n".join(keys).encode()).hexdigest()[:16]


def _row(result: Measured | Failed, place: Place) -> NetworkRow:
    if isinstance(result, Failed):
        raise BarsError(
            f"a network could not be measured, because {result.reason}; what was measured is "
            "kept: try again with --resume"
        )
    assert isinstance(result.subject, BlockGraph)
    return NetworkRow(kernels_digest(result.subject), place.way, *result.quantiles)


def _kernel_medians(graph: BlockGraph, table: LatencyTable) -> list[float]:
    return [table.median(spec.key) for block in graph.blocks for spec in kernel_specs(block)]
