from collections.abc import Sequence
from pathlib import Path

import pytest

from targets import measure as measuring
from targets.boards import X86_64_VPOPCNT
from targets.build import tvm_library
from targets.catalog import named_target
from targets.errors import TargetError
from targets.host import host_flags
from targets.kernel_specs import KernelSpec
from targets.measure import Failed, Measured, core_count, measure
from targets.target import Target
from targets.tiling import Tiles, candidate_tiles
from targets.timing import TimedKernel
from targets.vector_unit import AVX2, AVX512, Tile
from tests.targets.timed_blocks import CRASHING, small_specs

SPECS = small_specs()
BAD = SPECS[1]
TILES = candidate_tiles(BAD, AVX512)
needs_avx2 = pytest.mark.skipif("avx2" not in host_flags(), reason="the crash is one of x86")


@needs_avx2
def test_crash_costs_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(specs: Sequence[KernelSpec], target: Target, path: Path, *, tiles: Tiles) -> None:
        if BAD in specs and len(specs) > 1:
            raise TargetError("these do not go together")
        tvm_library(specs, CRASHING if BAD in specs else target, path, tiles=tiles)

    monkeypatch.setattr(measuring, "tvm_library", build)
    before, crashed, after = measure(SPECS, named_target("host"))
    assert (before.spec, crashed.spec, after.spec) == SPECS
    assert isinstance(before, Measured)
    assert isinstance(crashed, Failed)
    assert "SIGILL" in crashed.reason
    assert isinstance(after, Measured)


def test_kernel_that_cannot_be_built_costs_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(specs: Sequence[KernelSpec], target: Target, path: Path, *, tiles: Tiles) -> None:
        if BAD in specs:
            raise TargetError("LLVM died of signal 6")
        tvm_library(specs, target, path, tiles=tiles)

    monkeypatch.setattr(measuring, "tvm_library", build)
    results = list(measure(SPECS, named_target("host")))
    assert [isinstance(result, Measured) for result in results] == [True, False, True]
    assert results[1] == Failed(BAD, "LLVM died of signal 6")


@needs_avx2
def test_target_that_crashes_throughout_is_given_up() -> None:
    results = measure(SPECS, CRASHING)
    with pytest.raises(TargetError, match=r"first 3 kernels all failed.*SIGILL"):
        list(results)


def test_tuning_takes_the_fastest_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles are told apart by their library; the clock is the fake."""
    tile_of: dict[Path, Tile | None] = {}
    microseconds = {tile: 9.0 - index for index, tile in enumerate(TILES)}

    def build(_: Sequence[KernelSpec], __: Target, path: Path, *, tiles: Tiles) -> None:
        if Tile(16, 7) in tiles.values():
            raise TargetError("this tile cannot be built")
        tile_of[path] = tiles.get(BAD)

    class Clock:
        def __enter__(self) -> "Clock":
            return self

        def __exit__(self, *_: object) -> None: ...

        def time_us(self, kernel: TimedKernel) -> list[float]:
            tile = tile_of[kernel.library]
            asked.append(tile)
            return [microseconds[tile or TILES[0]]] * 3

    asked: list[Tile | None] = []
    monkeypatch.setattr(measuring, "tvm_library", build)
    monkeypatch.setattr(measuring, "TimingWorker", Clock)
    (best,) = measure([BAD], X86_64_VPOPCNT, tune=True)
    fastest = [tile for tile in TILES if tile != Tile(16, 7)][-1]
    assert best == Measured(BAD, (microseconds[fastest],) * 3, fastest)
    # Each once, then the three fastest again.
    assert len(asked) == len(TILES) - 1 + 3


def test_kernels_without_tiles_are_not_tuned() -> None:
    (found,) = measure(SPECS[:1], named_target("host"), tune=True)
    assert isinstance(found, Measured)
    assert found.tile is None
    assert candidate_tiles(SPECS[0], AVX2) == ()


def test_nothing_to_measure_starts_nothing() -> None:
    assert list(measure((), named_target("host"))) == []
    assert core_count() >= 1
