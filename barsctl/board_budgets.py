"""Budgets that hold on the board: networks compiled and measured whole before one is taken."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from costmodels.latency_table import LatencyTable
from costmodels.selection import AddedBudget, AnyBudget
from space.decode import decode
from space.genotype import Genotype
from space.graph import BlockGraph
from targets.catalog import named_target
from targets.errors import TargetError
from targets.measuring.measure import require_measurable
from targets.measuring.measured import Failed
from targets.measuring.place import Place, parse_place
from targets.toolchain import Notify

from .budgets import TABLE_METRICS, Budget, format_cost
from .calibrate import kernels_digest
from .errors import BarsError
from .measured_log import MeasuredLog, measured_for
from .measured_networks import measured_network
from .pricing import table_of
from .processor import require_same_processor


@dataclass(frozen=True, slots=True)
class BoardBudget:
    """A budget that a network must keep to where its kernels were measured.

    limit: in the unit of the table's model. place: None for the table's own.
    """

    name: str
    limit: float
    table: LatencyTable
    place: Place | None

    def measured(self, genotype: Genotype, log: MeasuredLog, *, notify: Notify) -> float:
        """What a network costs there, in the unit of the table's model; measured once.

        Raises BarsError where it cannot be measured.
        """
        graph, header = decode(genotype), self.table.header
        key = measured_for(kernels_digest(graph), header, str(self.place or header.place))
        if key not in log.costs:
            log.add(key, self._measured(graph, notify=notify))
        return log.costs[key]

    def require_ready(self, log: MeasuredLog) -> None:
        """Raise BarsError where nothing was measured on the board so far, and nothing can be."""
        place = str(self.place or self.table.header.place)
        if not log.knows(measured_for("", self.table.header, place)):
            with self._told_errors():
                self._require_board()

    def _require_board(self) -> None:
        header = self.table.header
        place, target = self.place or parse_place(header.place), named_target(header.target)
        require_measurable(target, place, threads=header.threads)
        require_same_processor(header, place, target)

    def _measured(self, graph: BlockGraph, *, notify: Notify) -> float:
        with self._told_errors():
            self._require_board()
            result = measured_network(graph, self.table, place=self.place, notify=notify)
        if isinstance(result, Failed):
            raise BarsError(f"the derived network could not be measured: {result.reason}")
        return self.table.in_model_unit(result.median)

    @contextmanager
    def _told_errors(self) -> Iterator[None]:
        try:
            yield
        except (BarsError, TargetError) as error:
            raise BarsError(
                f"budget {self.name} is measured on the derived network, and {error}; "
                "or take the table's word with --unmeasured"
            ) from error

    def told(self, cost: float) -> str:
        """A cost and the limit, for people."""
        limit = format_cost(self.name, self.limit)
        return f"{self.name} measured {format_cost(self.name, cost)} of {limit}"


def board_budgets(
    budgets: Sequence[Budget], tables: Sequence[LatencyTable], place: Place | None
) -> tuple[BoardBudget, ...]:
    """Those of the budgets that tables price.

    place: of the only board, None for the tables' own. Raises BarsError where there are several.
    """
    found = tuple(
        BoardBudget(each.name, each.limit, table_of(each, tables), place)
        for each in budgets
        if each.metric in TABLE_METRICS
    )
    if place is not None and len(found) > 1:
        raise BarsError(
            f"{place} is one place, and {len(found)} budgets are measured; leave --on out: each "
            "is measured where its table was"
        )
    return found


def tightened(
    budgets: Sequence[AnyBudget], ratios: Mapping[str, float], *, margin: float
) -> tuple[AnyBudget, ...]:
    """The budgets with lower limits, by how many times more was measured than predicted.

    ratios: of the measured budgets. margin: of at most 1, that limits are multiplied with besides.
    """
    return tuple(
        replace(each, limit=each.limit * margin / max(1.0, ratios[each.name]))
        if isinstance(each, AddedBudget) and each.name in ratios
        else each
        for each in budgets
    )
