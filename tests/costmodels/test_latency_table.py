"""Latency tables: prices, corrected ones too, and tables that do not fit."""

from dataclasses import replace
from typing import Any

import pytest

from costmodels.correction import Correction
from costmodels.errors import CostError
from costmodels.latency_table import LatencyTable, TableHeader, TableRow, require_fit
from space.blocks import Epilogue, Sum
from targets.kernel_specs import kernel_specs
from targets.vector_unit import Tile

HEADER = TableHeader(
    format=4, target="my-board", processor="cortex-a72", clock_ghz=1.8, way="rpc",
    place="rpc://board:9090", unit="us",
    cpu="ARM Cortex-A53", isa_features=("neon", "vfpv4"), threads=1, kernel_hash="0a1b",
    compiler="tvm 0.27", date="2026-01-02T03:04:05Z", tuned=True,
)  # fmt: skip
SMALL_SUM = Sum(16, 8, Epilogue(shortcuts=2))
LARGE_SUM = Sum(64, 8, Epilogue(shortcuts=2))
SMALL_KEY = kernel_specs(SMALL_SUM)[0].key
LARGE_KEY = kernel_specs(LARGE_SUM)[0].key
SMALL_ROW = TableRow(SMALL_KEY, way="rpc", n=50, median=12.5, p10=12.0, p90=14.0, min=11.5)
LARGE_ROW = TableRow(
    LARGE_KEY, way="rpc", n=50, median=40.0, p10=39.0, p90=44.0, min=38.5, tile=Tile(16, 7)
)


def test_cost_is_the_median_in_ms() -> None:
    table = LatencyTable(HEADER, {SMALL_KEY: SMALL_ROW})
    assert table.cost(SMALL_SUM) == 0.0125
    assert (table.name, table.unit) == ("latency", "ms")


def test_counts_are_instructions() -> None:
    header = replace(HEADER, way="emulated", place="emulated", unit="instructions")
    table = LatencyTable(header, {SMALL_KEY: SMALL_ROW})
    assert table.cost(SMALL_SUM) == 12.5
    assert (table.name, table.unit) == ("instructions", "instructions")


def test_corrections_apply_to_every_kernel() -> None:
    correction = Correction(scale=2.0, overhead=0.5, networks=8, held_out_error=0.01)
    table = LatencyTable(HEADER, {SMALL_KEY: SMALL_ROW}, {}, correction)
    assert table.cost(SMALL_SUM) == (2 * 12.5 + 0.5) / 1000


@pytest.mark.parametrize("change", [{"p10": float("nan")}, {"n": 0}, {"min": -1.0}, {"p90": 1.0}])
def test_rows_out_of_order_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(CostError, match=r"n must be at least 1 and .* in this order: measure"):
        replace(SMALL_ROW, **change)


def test_missing_kernels_are_named() -> None:
    table = LatencyTable(HEADER, {SMALL_KEY: SMALL_ROW})
    with pytest.raises(CostError, match=r"sum\(channels=64.* not in .* my-board.*profile"):
        table.cost(LARGE_SUM)


def test_fitting_tables_pass() -> None:
    for compiler in ("tvm 0.27", None):
        require_fit(
            LatencyTable(HEADER, {}), target="my-board", kernel_hash="0a1b", compiler=compiler
        )


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"target": "host"}, "target my-board, the compiler has host; .*profile"),
        ({"compiler": "tvm 0.28"}, "of tvm 0.27, installed is tvm 0.28; .*profile"),
        ({"kernel_hash": "ffff"}, "kernel_hash 0a1b, the compiler has ffff; .*profile"),
    ],
)
def test_tables_that_do_not_fit_are_refused(wanted: dict[str, str], message: str) -> None:
    fitting = {"target": "my-board", "kernel_hash": "0a1b", "compiler": "tvm 0.27"}
    with pytest.raises(CostError, match=message):
        require_fit(LatencyTable(HEADER, {}), **(fitting | wanted))
