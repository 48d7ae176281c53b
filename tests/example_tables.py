"""Latency tables, made up."""

from collections.abc import Mapping

from costmodels.latency_table import LatencyTable, TableHeader, TableRow
from targets.build import compiler_name
from targets.kernel_specs import KernelSpec

HEADER = TableHeader(
    format=4,
    target="host",
    processor="host",
    clock_ghz=None,
    way="local",
    place="local",
    unit="us",
    cpu="a processor",
    isa_features=(),
    threads=1,
    kernel_hash="0",
    compiler=str(compiler_name()),
    date="2026-01-01T00:00:00+00:00",
    tuned=False,
)


def row_of(spec: KernelSpec, us: float) -> TableRow:
    """A kernel that takes as long in every sample."""
    return TableRow(spec.key, "local", 9, us, us, us, us)


def table_of(times_us: Mapping[KernelSpec, float]) -> LatencyTable:
    """A table of kernels that take so long."""
    return LatencyTable(HEADER, {spec.key: row_of(spec, us) for spec, us in times_us.items()})
