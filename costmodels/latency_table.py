"""Latency tables: what the kernels of one board cost, measured one by one, as a cost model."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from space.blocks import Block
from targets.catalog import rebuilt_target
from targets.kernel_specs import kernel_specs
from targets.measuring.place import Way
from targets.target import Target
from targets.vector_unit import Tile

from .correction import Correction
from .errors import CostError, UnpricedKernelError

Unit = Literal["us", "instructions"]
RowWay = Way | Literal["learned"]
# No cost is above it, in a table's unit: sums of costs stay finite.
MOST_COST = 1e15


@dataclass(frozen=True, slots=True)
class TableHeader:
    """What the rows hold for.

    way: timed on this machine (local) or on a board (rpc), counted in an emulator (emulated), or
    modelled from such counts (modelled). place: where, as for `profile --on`. unit: of all costs.
    processor: whose kernels the target has, which may be a board that only its owner knows.
    clock_ghz: of the core where it is modelled, None where none is.
    cpu and isa_features: as read on the device. kernel_hash: of the kernels' sources. date: ISO
    8601. tuned: whether kernels have tiles of their own.
    """

    format: Literal[4]
    target: str
    processor: str
    clock_ghz: float | None
    way: Way
    place: str
    unit: Unit
    cpu: str
    isa_features: tuple[str, ...]
    threads: int
    kernel_hash: str
    compiler: str
    date: str
    tuned: bool

    def __post_init__(self) -> None:
        if self.clock_ghz is not None and not 0 < self.clock_ghz <= MOST_COST:
            raise CostError(
                f"clock_ghz is {self.clock_ghz}: it must be above 0 and finite; measure again"
            )
        wanted = "instructions" if self.way == "emulated" else "us"
        if self.unit != wanted or self.threads < 1:
            raise CostError(
                f"unit {self.unit} and {self.threads} threads of a table that is {self.way}: "
                f"its unit must be {wanted}, its threads at least 1; measure again"
            )


@dataclass(frozen=True, slots=True)
class TableRow:
    """n samples of the kernel with this key, in the table's unit; tile: its own, if it was tuned.

    way: as the header's, or learned from other rows, without a sample.
    """

    key: str
    way: RowWay
    n: int
    median: float
    p10: float
    p90: float
    min: float
    tile: Tile | None = None

    def __post_init__(self) -> None:
        quantiles = (self.min, self.p10, self.median, self.p90)
        _require_quantiles(self.key, self.n, quantiles, least_n=int(self.way != "learned"))


@dataclass(frozen=True, slots=True)
class NetworkRow:
    """n samples of a whole network, in the table's unit; network: what tells it from others."""

    network: str
    way: Way
    n: int
    median: float
    p10: float
    p90: float
    min: float

    def __post_init__(self) -> None:
        quantiles = (self.min, self.p10, self.median, self.p90)
        _require_quantiles(f"network {self.network}", self.n, quantiles, least_n=1)


def _require_quantiles(what: str, n: int, found: tuple[float, ...], *, least_n: int) -> None:
    smallest, p10, middle, p90 = found
    ordered = 0 <= smallest <= p10 <= middle <= p90 <= MOST_COST
    if n < least_n or not ordered:
        raise CostError(
            f"{what}: n={n}, min, p10, median and p90 {found}; n must be at least {least_n} and "
            f"costs at most {MOST_COST:g}, not negative and in this order: measure again"
        )


@dataclass(frozen=True, slots=True)
class LatencyTable:
    """A cost model: a block costs what its kernels do, corrected where the table has a correction.

    A table of times is the model "latency" in ms, one of counts "instructions".
    """

    header: TableHeader
    rows: dict[str, TableRow]
    networks: dict[str, NetworkRow] = field(default_factory=dict)
    correction: Correction | None = None

    @property
    def name(self) -> str:
        return "latency" if self.header.unit == "us" else "instructions"

    @property
    def unit(self) -> str:
        return "ms" if self.header.unit == "us" else "instructions"

    def cost(self, block: Block) -> float:
        """In the model's unit. Raises CostError where a kernel of the block was not measured."""
        return self.in_model_unit(sum(self._kernel_costs(block)))

    def in_model_unit(self, cost: float) -> float:
        """A cost in the table's unit, as the model gives it."""
        return cost / 1000 if self.header.unit == "us" else cost

    @property
    def tiles(self) -> dict[str, Tile]:
        """Of the kernels that were tuned, by key."""
        return {key: row.tile for key, row in self.rows.items() if row.tile is not None}

    def _kernel_costs(self, block: Block) -> Iterator[float]:
        for spec in kernel_specs(block):
            median = self.median(spec.key)
            yield median if self.correction is None else self.correction.kernel_cost(median)

    def median(self, key: str) -> float:
        """A kernel's median in the table's unit. Raises UnpricedKernelError where it has none."""
        if key not in self.rows:
            raise UnpricedKernelError(
                f"{key} is not in the latency table of {self.header.target}; every kernel of a "
                "network needs a row: run `barsctl profile` again for its space and images "
                "(--image-size, --image-channels, --classes)"
            )
        return self.rows[key].median


def measured_target(header: TableHeader) -> Target:
    """The target that a table was measured for. Raises TargetError where it has no such kernels."""
    return rebuilt_target(header.target, processor=header.processor, clock_ghz=header.clock_ghz)


def require_fit(
    table: LatencyTable, *, target: str, kernel_hash: str, compiler: str | None
) -> None:
    """Raise CostError where a table is of another target, other kernels or another compiler's.

    compiler: that is installed, None where there is none: such a machine only reads prices.
    """
    header = table.header
    if compiler not in (None, header.compiler):
        raise CostError(
            f"latency table has kernels of {header.compiler}, installed is {compiler}; another "
            "compiler makes other kernels: run `barsctl profile` again, or install that version"
        )
    wanted = {"target": target, "kernel_hash": kernel_hash}
    found = {"target": header.target, "kernel_hash": header.kernel_hash}
    for name, value in wanted.items():
        if found[name] != value:
            raise CostError(
                f"latency table has {name} {found[name]}, the compiler has {value}; a table holds "
                "for its own target and kernels only: run `barsctl profile` again"
            )
