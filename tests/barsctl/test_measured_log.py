from dataclasses import replace
from pathlib import Path

import pytest

from barsctl.measured_log import measured_for, read_measured
from space.errors import SpaceError
from tests.example_tables import HEADER

HERE = measured_for("0a1b", HEADER, "local")


def test_costs_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "measured.jsonl"
    log = read_measured(path)
    log.add(HERE, 2.5)
    assert read_measured(path).costs == log.costs == {HERE: 2.5}


@pytest.mark.parametrize(
    "other",
    [
        measured_for("ffff", HEADER, "local"),
        measured_for("0a1b", HEADER, "rpc://board:9090"),
        measured_for("0a1b", replace(HEADER, threads=2), "local"),
        measured_for("0a1b", replace(HEADER, kernel_hash="1"), "local"),
        measured_for("0a1b", replace(HEADER, processor="armv7"), "local"),
        measured_for("0a1b", replace(HEADER, cpu="another processor"), "local"),
        measured_for("0a1b", replace(HEADER, compiler="another compiler"), "local"),
    ],
)
def test_costs_hold_for_one_place_and_way(other: object) -> None:
    assert other != HERE


def test_boards_differ_by_processor_and_clock() -> None:
    board = replace(HEADER, target="mine", processor="cortex-a72", clock_ghz=1.8)
    assert measured_for("0a1b", board, "modelled").target == "mine (cortex-a72 at 1.8 GHz)"
    plain = replace(HEADER, target="cortex-a72", processor="cortex-a72", clock_ghz=1.5)
    assert measured_for("0a1b", plain, "modelled").target == "cortex-a72"


def test_rows_that_do_not_tell_the_processor_are_kept_and_unknown(tmp_path: Path) -> None:
    path = tmp_path / "measured.jsonl"
    path.write_bytes((Path(__file__).parents[1] / "data/measured-1.jsonl").read_bytes())
    log = read_measured(path)
    assert len(log.costs) == 1
    assert HERE not in log.costs
    assert not log.knows(HERE)
    log.add(HERE, 2.5)
    assert read_measured(path).costs == log.costs


def test_torn_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "measured.jsonl"
    read_measured(path).add(HERE, 2.5)
    whole = path.read_text()
    path.write_text(whole + whole[:20])
    assert read_measured(path).costs == {HERE: 2.5}
    assert path.read_text() == whole


def test_damaged_line_is_told(tmp_path: Path) -> None:
    path = tmp_path / "measured.jsonl"
    path.write_text('{"format": 1}\n')
    with pytest.raises(SpaceError, match=r"measured\.jsonl: line 1: measured_for: Field required"):
        read_measured(path)
