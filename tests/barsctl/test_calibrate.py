"""Calibrating: networks measured once, corrections fitted on them, boards that fail."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from barsctl import calibrate as calibrating
from barsctl.calibrate import calibrate, kernels_digest, random_networks
from barsctl.errors import BarsError
from barsctl.profile import ProfileSettings, profile, space_specs
from costmodels.errors import CostError
from costmodels.table_file import append_line, read_table
from space.graph import BlockGraph
from space.presets import SPACES
from targets.catalog import named_target
from targets.measuring.measured import Failed, Measured
from targets.measuring.place import LOCAL
from tests.barsctl.test_profile import SPACE
from tests.example_tables import row_of

HOST = ProfileSettings(named_target("host"))
DEMO = SPACES["demo"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Every kernel of the demo space takes 2 us."""
    path = tmp_path / "host.jsonl"
    profile((), HOST, table=path, resume=False, notify=print)
    for spec in space_specs([DEMO]):
        append_line(path, row_of(spec, us=2.0))
    return path


def use_networks(monkeypatch: pytest.MonkeyPatch, asked: list[BlockGraph]) -> None:
    """Let a network take 3 us for each of its kernels."""

    def measured(graphs: Sequence[BlockGraph], *_: object, **__: object) -> Iterator[Measured]:
        asked.extend(graphs)
        return iter([Measured(graph, (3.0 * len(graph.blocks),)) for graph in graphs])

    monkeypatch.setattr(calibrating, "measured_networks", measured)


def test_networks_are_measured_once(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[BlockGraph] = []
    use_networks(monkeypatch, asked)
    first = calibrate([DEMO], table, networks=4, place=LOCAL, notify=print)
    assert len(asked) == 4
    # 2 us of a kernel become 3: times 1.5, or 1 us more, or something between.
    assert first.kernel_cost(2.0) == pytest.approx(3.0)
    assert first.held_out_error == pytest.approx(0, abs=1e-9)
    second = calibrate([DEMO], table, networks=6, place=LOCAL, notify=print)
    assert len(asked) == 6
    found = read_table(table)
    assert found.correction == second
    assert len(found.networks) == second.networks == 6


def test_network_that_fails_is_told(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(graphs: Sequence[BlockGraph], *_: object, **__: object) -> Iterator[Failed]:
        return iter([Failed(graph, "the board burns") for graph in graphs])

    monkeypatch.setattr(calibrating, "measured_networks", measured)
    with pytest.raises(BarsError, match=r"because the board burns; .* --resume"):
        calibrate([DEMO], table, networks=4, place=LOCAL, notify=print)


def test_too_few_networks_are_refused(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_networks(monkeypatch, [])
    with pytest.raises(CostError, match=r"2 networks measured whole; .* at least 3"):
        calibrate([DEMO], table, networks=2, place=LOCAL, notify=print)


def test_missing_kernel_is_told_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[BlockGraph] = []
    use_networks(monkeypatch, asked)
    path = tmp_path / "host.jsonl"
    profile((), HOST, table=path, resume=False, notify=print)
    with pytest.raises(CostError, match="is not in the latency table of host"):
        calibrate([DEMO], path, networks=4, place=LOCAL, notify=print)
    assert asked == []


def test_random_networks_are_the_same_every_time() -> None:
    drawn = [[kernels_digest(next(networks)) for _ in range(5)] for networks in (
        random_networks([DEMO]), random_networks([DEMO])
    )]  # fmt: skip
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == 5


def test_networks_are_measured_as_the_table_was(tmp_path: Path) -> None:
    path = tmp_path / "host.jsonl"
    profile(space_specs([SPACE]), HOST, table=path, resume=False, notify=print)
    found = calibrate([SPACE], path, networks=3, place=LOCAL, notify=print)
    table = read_table(path)
    assert (table.correction, found.networks) == (found, 3)
    assert [row.way for row in table.networks.values()] == ["local"] * 3
