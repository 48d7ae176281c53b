"""Latency tables as files: appending, resuming, tables of older formats, and broken ones."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from costmodels.correction import Correction
from costmodels.errors import CostError
from costmodels.latency_table import LatencyTable, NetworkRow
from costmodels.table_file import (
    CorrectionLine,
    append_line,
    read_table,
    resume_table,
    write_table,
)
from targets.vector_unit import Tile

from .test_latency_table import HEADER, LARGE_KEY, LARGE_ROW, SMALL_KEY, SMALL_ROW

DATA = Path(__file__).parent.parent / "data"
NETWORK = NetworkRow("0123", way="rpc", n=9, median=60.0, p10=59.0, p90=61.0, min=58.0)
CORRECTION = Correction(scale=1.1, overhead=0.2, networks=8, held_out_error=0.02)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "table.jsonl"
    resume_table(path, HEADER)
    append_line(path, SMALL_ROW)
    append_line(path, LARGE_ROW)
    return path


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
    with pytest.raises(CostError, match=r"line 3 is torn; .* --resume`"):
        read_table(path)
    assert set(resume_table(path, HEADER).rows) == {SMALL_KEY}
    append_line(path, LARGE_ROW)
    assert set(read_table(path).rows) == {SMALL_KEY, LARGE_KEY}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": "host"}, "target is 'my-board', now 'host'"),
        ({"processor": "aarch64"}, "processor is 'cortex-a72', now 'aarch64'"),
        ({"clock_ghz": 2.0}, "clock_ghz is 1.8, now 2.0"),
        ({"kernel_hash": "ffff"}, "kernel_hash is '0a1b', now 'ffff'"),
        ({"way": "local"}, "way is 'rpc', now 'local'"),
        ({"threads": 2}, "threads is 1, now 2"),
        ({"tuned": False}, "tuned is True, now False"),
    ],
)
def test_resuming_needs_the_same_header(path: Path, change: dict[str, Any], message: str) -> None:
    before = path.read_text()
    with pytest.raises(CostError, match=message):
        resume_table(path, replace(HEADER, **change))
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("line", "change", "message"),
    [
        (0, {"format": 5}, "line 1: format is 5"),
        (0, {"way": "guessed"}, "line 1: way is 'guessed'"),
        (0, {"clock_ghz": 0.0}, "clock_ghz is 0.0: it must be above 0 and finite"),
        (0, {"clock_ghz": float("nan")}, "clock_ghz is nan"),
        (0, {"threads": 0}, "line 1: unit us and 0 threads .* threads at least 1"),
        (0, {"unit": "instructions"}, "line 1: unit instructions .* must be us"),
        (0, {"owner": "me"}, "line 1: owner is 'me'"),
        (1, {"n": 1.5}, "line 2: n is 1.5"),
        (1, {"note": ""}, "line 2: note is ''"),
        (1, {"n": 0}, "n=0, .* at least 1"),
        (1, {"min": 13.0}, "in this order"),
        (1, {"min": -1.0}, "not negative"),
        (1, {"p90": float("nan")}, "in this order"),
        (1, {"p90": float("inf")}, "at most 1e"),
        (1, {"p90": 1e16}, r"at most 1e\+15"),
        (1, {"way": "local"}, r"line 2: sum.* is local, the table rpc; .* drop the line"),
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
    del row["p10"]
    path.write_text(path.read_text() + json.dumps(row) + "\n")
    with pytest.raises(CostError, match="line 4: p10"):
        read_table(path)


def test_empty_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "table.jsonl").touch()
    with pytest.raises(CostError, match="is empty; a table begins with its header"):
        read_table(tmp_path / "table.jsonl")


def test_old_files_still_load() -> None:
    row = replace(SMALL_ROW, key="sum(channels=16)", way="local")
    # A target was its own processor.
    old = replace(HEADER, target="cortex-a53", processor="cortex-a53", clock_ghz=None)
    header = replace(old, way="local", place="local")
    first, second, third, fourth = (
        read_table(DATA / f"latency-table-{number}.jsonl") for number in (1, 2, 3, 4)
    )
    assert first == LatencyTable(replace(header, tuned=False), {row.key: row})
    assert second == LatencyTable(header, {row.key: replace(row, tile=Tile(16, 7))})
    assert third == LatencyTable(
        old,
        {row.key: replace(row, way="rpc"), LARGE_KEY: LARGE_ROW},
        {NETWORK.network: NETWORK},
        CORRECTION,
    )
    assert fourth == replace(third, header=HEADER)


def test_tables_are_written_whole(tmp_path: Path) -> None:
    table = read_table(DATA / "latency-table-4.jsonl")
    write_table(tmp_path / "copy.jsonl", table)
    assert (tmp_path / "copy.jsonl").read_text() == (DATA / "latency-table-4.jsonl").read_text()


def test_networks_and_the_last_correction_hold(path: Path) -> None:
    append_line(path, NETWORK)
    append_line(path, CorrectionLine(replace(CORRECTION, scale=2.0)))
    append_line(path, CorrectionLine(CORRECTION))
    table = read_table(path)
    assert table.networks == {"0123": NETWORK}
    assert table.correction == CORRECTION


def test_measuring_replaces_what_was_learned(path: Path) -> None:
    learned = replace(SMALL_ROW, key="sum(channels=5)", way="learned", n=0)
    append_line(path, learned)
    assert read_table(path).rows[learned.key].way == "learned"
    append_line(path, replace(SMALL_ROW, key=learned.key))
    assert read_table(path).rows[learned.key].way == "rpc"


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
