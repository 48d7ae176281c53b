"""Latency tables as CSV: nothing is lost, and what is no table is told."""

import csv
import re
from pathlib import Path

import pytest

from costmodels.errors import CostError
from costmodels.table_csv import COLUMNS, read_csv, write_csv
from costmodels.table_file import read_table

DATA = Path(__file__).parent.parent / "data"
TABLE = read_table(DATA / "latency-table-4.jsonl")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_csv(tmp_path / "table.csv", TABLE)
    return tmp_path / "table.csv"


def test_tables_survive_csv(path: Path) -> None:
    assert read_csv(path) == TABLE


def test_spreadsheets_find_a_row_for_each_kernel(path: Path) -> None:
    lines = path.read_text().splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    assert [row["key"] for row in rows] == list(TABLE.rows)
    assert rows[1] == {
        "key": list(TABLE.rows)[1], "way": "rpc", "n": "50", "median": "40.0", "p10": "39.0",
        "p90": "44.0", "min": "38.5", "tile_lanes": "16", "tile_pixels": "7",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",median,", ",middle,", "columns are key, way, n, middle, .* must be key, way, n, median"),
        ("12.5,", "fast,", r"line 5: median is 'fast'"),
        ("50,12.5", "50.5,12.5", r"line 5: n is 50\.5"),
        (",16,7", ",16,", r"line 6: tile\.pixels is ''"),
        (",16,7", ",16", r"8 fields; a row has 9"),
        ('# {"format"', '# {"size"', "line 1: format: Field required"),
    ],
)
def test_files_are_read_strictly(path: Path, old: str, new: str, message: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(CostError, match=message):
        read_csv(path)


@pytest.mark.parametrize("padding", ["", ",,,,,"])
def test_what_spreadsheets_write_is_read(path: Path, padding: str) -> None:
    with path.open(newline="") as file:
        cells = list(csv.reader(file))
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows(cells)
    lines = path.read_text("utf-8-sig").splitlines()
    assert lines[0].startswith('"# {""format"": 4",')
    text = "".join(f"{line}{padding}\r\n" for line in [*lines, ""])
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_csv(path) == TABLE


def test_fields_without_end_are_refused(path: Path) -> None:
    path.write_text(path.read_text() + "x" * 200_000)
    with pytest.raises(CostError, match=r"it is no CSV .field larger than"):
        read_csv(path)


def test_empty_and_binary_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    with pytest.raises(CostError, match="columns are missing; they must be key"):
        read_csv(tmp_path / "empty.csv")
    (tmp_path / "no-header.csv").write_text(",".join(COLUMNS))
    with pytest.raises(CostError, match="is empty; a table begins with its header"):
        read_csv(tmp_path / "no-header.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CostError, match="it is no text"):
        read_csv(tmp_path / "binary.csv")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",rpc,50,12.5", ",rpc,-9,12.5", "n=-9, min"),
        (",rpc,50,12.5", ",rpc,many,12.5", "n is 'many'"),
        (",rpc,50,12.5", ",rpc,12.5", "8 fields; a row has 9"),
        ('{"network": ', '{"netw": ', "Field required"),
    ],
)
def test_faults_are_told_with_the_line_of_the_file(
    path: Path, old: str, new: str, message: str
) -> None:
    """The network's line stands before the rows, as the header's does; a line is left empty."""
    text = path.read_text().replace("# {", "\n# {", 1)
    number = next(i for i, line in enumerate(text.splitlines(), start=1) if old in line)
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(CostError, match=rf"line {number}: .*{re.escape(message)}"):
        read_csv(path)
