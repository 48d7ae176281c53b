"""Latency tables: prices, files, resuming, and tables that do not fit."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from costmodels.errors import CostError
from costmodels.latency_table import (
    LatencyTable,
    TableHeader,
    TableRow,
    append_row,
    read_table,
    require_fit,
    resume_table,
)
from space.blocks import Epilogue, Sum
from targets.kernel_specs import kernel_specs
from targets.vector_unit import Tile

DATA = Path(__file__).parent.parent / "data"
HEADER = TableHeader(
    format=2, target="cortex-a53", cpu="ARM Cortex-A53", isa_features=("neon", "vfpv4"), threads=1,
    kernel_hash="0a1b", compiler="tvm 0.27", date="2026-01-02T03:04:05Z", way="measured",
    tuned=True,
)  # fmt: skip
SMALL_SUM = Sum(16, 8, Epilogue(shortcuts=2))
LARGE_SUM = Sum(64, 8, Epilogue(shortcuts=2))
SMALL_KEY = kernel_specs(SMALL_SUM)[0].key
LARGE_KEY = kernel_specs(LARGE_SUM)[0].key
SMALL_ROW = TableRow(SMALL_KEY, n=50, median_us=12.5, p10_us=12.0, p90_us=14.0, min_us=11.5)
LARGE_ROW = TableRow(
    LARGE_KEY, n=50, median_us=40.0, p10_us=39.0, p90_us=44.0, min_us=38.5, tile=Tile(16, 7)
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "table.jsonl"
    resume_table(path, HEADER)
    append_row(path, SMALL_ROW)
    append_row(path, LARGE_ROW)
    return path


def test_cost_is_the_median_in_ms() -> None:
    table = LatencyTable(HEADER, {SMALL_KEY: SMALL_ROW})
    assert table.cost(SMALL_SUM) == 0.0125
    assert (table.name, table.unit) == ("latency", "ms")


def test_missing_kernels_are_named() -> None:
    table = LatencyTable(HEADER, {SMALL_KEY: SMALL_ROW})
    with pytest.raises(CostError, match=r"sum\(channels=64.* not in .* cortex-a53.*profile"):
        table.cost(LARGE_SUM)


def test_appended_rows_read_back(path: Path) -> None:
    table = read_table(path)
    assert table == LatencyTable(HEADER, {SMALL_KEY: SMALL_ROW, LARGE_KEY: LARGE_ROW})
    assert table.tiles == {LARGE_KEY: Tile(16, 7)}


def test_resuming_keeps_the_rows(path: Path) -> None:
    before = path.read_text()
    table = resume_table(path, replace(HEADER, date="2026-02-03"))
    assert set(table.rows) == {SMALL_KEY, LARGE_KEY}
    assert path.read_text() == before


@pytest.mark.parametrize("cut", [1, 20])
def test_resuming_drops_a_torn_line(path: Path, cut: int) -> None:
    path.write_text(path.read_text()[:-cut])
    with pytest.raises(CostError, match=r"line 3 is torn; .* to resume"):
        read_table(path)
    assert set(resume_table(path, HEADER).rows) == {SMALL_KEY}
    append_row(path, LARGE_ROW)
    assert set(read_table(path).rows) == {SMALL_KEY, LARGE_KEY}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": "host"}, "target is 'cortex-a53', now 'host'"),
        ({"kernel_hash": "ffff"}, "kernel_hash is '0a1b', now 'ffff'"),
        ({"way": "emulated"}, "way is 'measured', now 'emulated'"),
        ({"threads": 2}, "threads is 1, now 2"),
        ({"tuned": False}, "tuned is True, now False"),
    ],
)
def test_resuming_needs_the_same_header(path: Path, change: dict[str, Any], message: str) -> None:
    before = path.read_text()
    with pytest.raises(CostError, match=message):
        resume_table(path, replace(HEADER, **change))
    assert path.read_text() == before


def test_fitting_tables_pass() -> None:
    require_fit(LatencyTable(HEADER, {}), target="cortex-a53", kernel_hash="0a1b")


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"target": "host"}, "target cortex-a53, the compiler has host; .*profile"),
        ({"kernel_hash": "ffff"}, "kernel_hash 0a1b, the compiler has ffff; .*profile"),
    ],
)
def test_tables_that_do_not_fit_are_refused(wanted: dict[str, str], message: str) -> None:
    fitting = {"target": "cortex-a53", "kernel_hash": "0a1b"}
    with pytest.raises(CostError, match=message):
        require_fit(LatencyTable(HEADER, {}), **(fitting | wanted))


@pytest.mark.parametrize(
    ("line", "change", "message"),
    [
        (0, {"format": 3}, "line 1: format is 3"),
        (0, {"way": "guessed"}, "line 1: way is 'guessed'"),
        (0, {"owner": "me"}, "line 1: owner is 'me'"),
        (1, {"n": 1.5}, "line 2: n is 1.5"),
        (1, {"note": ""}, "line 2: note is ''"),
        (1, {"n": 0}, "n=0, .* at least 1"),
        (1, {"min_us": 13.0}, "in this order"),
        (1, {"min_us": -1.0}, "not negative"),
        (1, {"p90_us": float("nan")}, "in this order"),
        (1, {"p90_us": float("inf")}, "finite"),
        (2, {"key": SMALL_KEY}, r"line 3: sum.* is there twice"),
    ],
)
def test_files_are_read_strictly(
    path: Path, line: int, change: dict[str, object], message: str
) -> None:
    lines = path.read_text().splitlines()
    lines[line] = json.dumps(json.loads(lines[line]) | change)
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(CostError, match=message):
        read_table(path)


def test_missing_fields_are_named(path: Path) -> None:
    row = asdict(SMALL_ROW)
    del row["p10_us"]
    path.write_text(path.read_text() + json.dumps(row) + "\n")
    with pytest.raises(CostError, match="line 4: p10_us"):
        read_table(path)


def test_empty_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "table.jsonl").touch()
    with pytest.raises(CostError, match="is empty; a table begins with its header"):
        read_table(tmp_path / "table.jsonl")


def test_old_files_still_load() -> None:
    row = replace(SMALL_ROW, key="sum(channels=16)")
    first, second = (read_table(DATA / f"latency-table-{number}.jsonl") for number in (1, 2))
    assert first == LatencyTable(replace(HEADER, format=1, tuned=False), {row.key: row})
    assert second == LatencyTable(HEADER, {row.key: replace(row, tile=Tile(16, 7))})


def test_bytes_that_are_no_text_are_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\xff\xfe\n")
    with pytest.raises(CostError, match="line 4: the text: Invalid JSON"):
        read_table(path)


@pytest.mark.parametrize("content", [b"my notes", b"my notes\n", b"\xff\xfe"])
def test_resuming_leaves_other_files_as_they_are(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "notes").write_bytes(content)
    with pytest.raises(CostError, match="line 1: the text: Invalid JSON"):
        resume_table(tmp_path / "notes", HEADER)
    assert (tmp_path / "notes").read_bytes() == content
