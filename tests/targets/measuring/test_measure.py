import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from targets.boards import AARCH64, X86_64, X86_64_VPOPCNT
from targets.catalog import named_target
from targets.errors import TargetError
from targets.host import host_flags, runs_here
from targets.measuring import measure as measuring
from targets.measuring import timed_bench
from targets.measuring.measure import measure
from targets.measuring.measured import Failed, Measured
from targets.measuring.place import EMULATED, LOCAL, MODELLED, Place
from targets.measuring.samples import ENOUGH, Samples
from targets.measuring.timing import Facts, UnreachableError
from targets.subjects.library import build_timing_library
from targets.subjects.subject import Subject
from targets.target import Target
from targets.tiling import Tiles, candidate_tiles
from targets.toolchain import Notify, core_count
from targets.vector_unit import AVX2, AVX512, Tile
from tests.example_graphs import EXAMPLE_GRAPHS
from tests.targets.timed_blocks import CRASHING, small_specs

SPECS = small_specs()
NETWORK = EXAMPLE_GRAPHS["cell"]()
BAD = SPECS[1]
TILES = candidate_tiles(BAD, AVX512)
HOST = named_target("host")
BOARD = Place("rpc", "board", 9090)
needs_avx2 = pytest.mark.skipif("avx2" not in host_flags(), reason="the crash is one of x86")
Results = list[Measured | Failed]


def measured(
    subjects: Sequence[Subject], target: Target = HOST, place: Place = LOCAL, *, tune: bool = False
) -> Results:
    """In the order of the subjects."""
    found = {each.subject: each for each in measure(
        subjects, target, place, notify=print, tune=tune
    )}  # fmt: skip
    return [found[subject] for subject in subjects]


def use_builder(monkeypatch: pytest.MonkeyPatch, *, crashes: bool, alone: bool) -> None:
    """Let the bad kernel be one that crashes, or that cannot be built: never beside others."""

    def build(
        subjects: Sequence[Subject], target: Target, folder: Path, output: str, *,
        threads: int, tiles: Tiles, notify: Notify,
    ) -> None:  # fmt: skip
        if BAD in subjects and (len(subjects) > 1 or not alone):
            raise TargetError("LLVM died of signal 6")
        chosen = CRASHING if BAD in subjects and crashes else target
        build_timing_library(
            subjects, chosen, folder, output, threads=threads, tiles=tiles, notify=notify
        )

    monkeypatch.setattr(timed_bench, "build_timing_library", build)


@needs_avx2
def test_crash_costs_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    use_builder(monkeypatch, crashes=True, alone=True)
    before, crashed, after = measured(SPECS)
    assert isinstance(before, Measured)
    assert isinstance(crashed, Failed)
    assert "SIGILL" in crashed.reason
    assert isinstance(after, Measured)


def test_kernel_that_cannot_be_built_costs_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    use_builder(monkeypatch, crashes=False, alone=False)
    before, failed, after = measured(SPECS)
    assert isinstance(before, Measured)
    assert failed == Failed(BAD, "LLVM died of signal 6")
    assert isinstance(after, Measured)


@needs_avx2
def test_target_that_crashes_throughout_is_given_up() -> None:
    with pytest.raises(TargetError, match=r"first 3 kernels all failed.*SIGILL.*does local exec"):
        measured(SPECS, CRASHING)


def test_whole_networks_are_measured_as_kernels_are() -> None:
    kernel, network = measured([SPECS[0], NETWORK])
    assert isinstance(kernel, Measured)
    assert isinstance(network, Measured)
    assert 0 < kernel.median < network.median


class FakeWorker:
    """Times without a process; what `clock` raises, `samples_us` does."""

    fastest_reference = 1.0

    def __init__(self, boards: int = 1) -> None:
        self.boards = boards

    def __enter__(self) -> "FakeWorker":
        return self

    def __exit__(self, *_: object) -> None: ...

    def abandon(self) -> None: ...

    def facts(self) -> Facts:
        return Facts(boards=self.boards)

    def samples_us(self, library: Path, subject: int) -> Samples:
        times = np.array(self.clock(library, subject))
        return Samples(times, np.ones(len(times)))

    def clock(self, library: Path, subject: int) -> list[float]:
        del library
        return [float(subject + 1)] * ENOUGH


@pytest.fixture
def nothing_built(monkeypatch: pytest.MonkeyPatch) -> dict[Path, Tile | None]:
    """Which tile the bad kernel has in each library, none of which is really built."""
    tile_of: dict[Path, Tile | None] = {}

    def build(
        subjects: Sequence[Subject], target: Target, folder: Path, output: str, *,
        threads: int, tiles: Tiles, notify: Notify,
    ) -> None:  # fmt: skip
        del subjects, target, threads, notify
        if Tile(16, 7) in tiles.values():
            raise TargetError("this tile cannot be built")
        tile_of[folder / output] = tiles.get(BAD)

    monkeypatch.setattr(timed_bench, "build_timing_library", build)
    monkeypatch.setattr(timed_bench, "PAUSES_S", (0.0, 0.0, 0.0))
    return tile_of


def use_worker(worker: FakeWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "TimingWorker", lambda *_, **__: worker)


def use_workers(workers: Sequence[FakeWorker], monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other."""
    left = iter(workers)
    monkeypatch.setattr(measuring, "TimingWorker", lambda *_, **__: next(left))


def test_tuning_takes_the_fastest_tile(
    nothing_built: dict[Path, Tile | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    microseconds = {tile: 9.0 - index for index, tile in enumerate(TILES)}
    asked: list[Tile | None] = []

    class Clock(FakeWorker):
        def clock(self, library: Path, subject: int) -> list[float]:
            del subject
            asked.append(nothing_built[library])
            return [microseconds[nothing_built[library] or TILES[0]]] * ENOUGH

    use_worker(Clock(), monkeypatch)
    (best,) = measured([BAD], X86_64_VPOPCNT, BOARD, tune=True)
    fastest = [tile for tile in TILES if tile != Tile(16, 7)][-1]
    assert isinstance(best, Measured)
    assert (best.median, best.tile) == (microseconds[fastest], fastest)
    # Each in two rounds, then the three fastest again.
    assert len(asked) == 2 * (len(TILES) - 1) + 2 * 3


@pytest.mark.usefixtures("nothing_built")
def test_first_result_stays_where_no_other_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    class Tired(FakeWorker):
        left = 2 * (len(TILES) - 1)

        def clock(self, library: Path, subject: int) -> list[float]:
            self.left -= 1
            if self.left < 0:
                raise TargetError("too hot")
            return super().clock(library, subject)

    use_worker(Tired(), monkeypatch)
    (found,) = measured([BAD], X86_64_VPOPCNT, BOARD, tune=True)
    assert isinstance(found, Measured)
    assert found.median == 1.0


def test_kernels_without_tiles_are_not_tuned() -> None:
    (found,) = measured(SPECS[:1], tune=True)
    assert isinstance(found, Measured)
    assert found.tile is None
    assert candidate_tiles(SPECS[0], AVX2) == ()


@pytest.mark.usefixtures("nothing_built")
def test_boards_of_a_fleet_work_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=60)

    class Board(FakeWorker):
        def clock(self, library: Path, subject: int) -> list[float]:
            both.wait()
            return super().clock(library, subject)

    use_worker(Board(boards=2), monkeypatch)
    monkeypatch.setattr(timed_bench, "GROUP", 1)
    assert all(isinstance(each, Measured) for each in measured(SPECS[:2], HOST, BOARD))


@pytest.mark.usefixtures("nothing_built")
def test_disturbed_kernels_are_timed_until_enough_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of subject 0 all samples count, of 1 a tenth does, of 2 too few in all rounds."""
    asked: list[int] = []
    counting = (ENOUGH, ENOUGH // 4, 1)

    class Disturbed(FakeWorker):
        def samples_us(self, library: Path, subject: int) -> Samples:
            del library
            asked.append(subject)
            times, references = np.full(ENOUGH, 5.0), np.full(ENOUGH, 2.0)
            references[: counting[subject]] = 1.0
            return Samples(times, references)

    use_worker(Disturbed(), monkeypatch)
    monkeypatch.setattr("targets.measuring.bench.core_count", lambda: 1)
    monkeypatch.setattr(timed_bench, "PAUSE_S", 0.0)
    monkeypatch.setattr(timed_bench, "MOST_ROUNDS", 6)
    results = measured(SPECS, HOST, BOARD)
    assert [asked.count(subject) for subject in range(3)] == [2, 4, 6]
    counted = [len(each.costs) for each in results if isinstance(each, Measured)]
    assert counted == [2 * ENOUGH, ENOUGH, 6]


@pytest.mark.usefixtures("nothing_built")
def test_lost_board_leaves_its_kernels_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    both, is_lost = threading.Barrier(2, timeout=60), threading.Event()

    class Lost(FakeWorker):
        def clock(self, library: Path, subject: int) -> list[float]:
            del library, subject
            if not is_lost.is_set():
                both.wait()
                is_lost.set()
            raise UnreachableError("it fell silent")

    class Steady(FakeWorker):
        def clock(self, library: Path, subject: int) -> list[float]:
            if not is_lost.is_set():
                both.wait()
                is_lost.wait(60)
            return super().clock(library, subject)

    use_workers((Lost(boards=2), Steady()), monkeypatch)
    monkeypatch.setattr(timed_bench, "GROUP", 1)
    assert all(isinstance(each, Measured) for each in measured(SPECS, HOST, BOARD))


@pytest.mark.usefixtures("nothing_built")
def test_board_that_others_use_takes_no_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    class Taken(FakeWorker):
        def facts(self) -> Facts:
            raise UnreachableError("no board is free")

    use_workers((FakeWorker(boards=2), Taken()), monkeypatch)
    assert all(isinstance(each, Measured) for each in measured(SPECS, HOST, BOARD))


@pytest.mark.usefixtures("nothing_built")
def test_mistake_in_a_worker_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mistaken(FakeWorker):
        def clock(self, library: Path, subject: int) -> list[float]:
            del library
            return [1 / subject] * ENOUGH  # the first is number 0

    use_worker(Mistaken(), monkeypatch)
    with pytest.raises(ZeroDivisionError):
        measured(SPECS, HOST, BOARD)


@pytest.mark.usefixtures("nothing_built")
def test_kernels_that_cannot_be_built_do_not_hide_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "HOPELESS", 2)
    good = SPECS[2]

    def build(subjects: Sequence[Subject], *_: object, **__: object) -> None:
        if set(subjects) != {good}:
            raise TargetError("LLVM died of signal 6")

    monkeypatch.setattr(timed_bench, "build_timing_library", build)
    use_worker(FakeWorker(), monkeypatch)
    found = measured(SPECS, HOST, BOARD)
    assert [type(each) for each in found] == [Failed, Failed, Measured]


@pytest.mark.usefixtures("nothing_built")
def test_failure_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = dict.fromkeys(range(3), 0)

    class Shaky(FakeWorker):
        def clock(self, library: Path, subject: int) -> list[float]:
            tries[subject] += 1
            if tries[subject] == 1:
                raise TargetError("the connection was reset")
            return super().clock(library, subject)

    use_worker(Shaky(), monkeypatch)
    monkeypatch.setattr("targets.measuring.bench.core_count", lambda: 1)
    results = measured(SPECS, HOST, BOARD)
    assert [isinstance(each, Measured) for each in results] == [True] * 3


@pytest.mark.usefixtures("nothing_built")
def test_lost_board_ends_it_with_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dying(FakeWorker):
        def clock(self, library: Path, subject: int) -> list[float]:
            if subject > 0:
                raise UnreachableError("rpc://board:9090 cannot be reached")
            return super().clock(library, subject)

    use_worker(Dying(), monkeypatch)
    monkeypatch.setattr(timed_bench, "GROUP", 1)
    monkeypatch.setattr("targets.measuring.bench.core_count", lambda: 1)
    results = measure(SPECS, HOST, BOARD, notify=print)
    assert isinstance(next(results), Measured)
    with pytest.raises(TargetError, match="board:9090 cannot be reached"):
        list(results)


def test_nothing_to_measure_starts_nothing() -> None:
    assert measured(()) == []
    assert core_count() >= 1


@pytest.mark.parametrize(
    ("target", "place", "threads", "message"),
    [
        (X86_64, LOCAL, 1, "x86-64 stands for .*: a table holds for one processor"),
        (X86_64_VPOPCNT, EMULATED, 1, "x86-64-vpopcnt names no emulator"),
        (AARCH64, EMULATED, 2, "2 threads: what threads gain is not counted in an emulator"),
        (named_target("armv7"), MODELLED, 1, "LLVM models no core of target armv7; count instr"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    target: Target, place: Place, threads: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(TargetError, match=message):
        next(measure(SPECS, target, place, threads=threads, notify=print))


@pytest.mark.skipif(runs_here(AARCH64), reason="ARM runs here")
def test_foreign_target_is_refused() -> None:
    with pytest.raises(TargetError, match=r"aarch64 do not run on this machine; name the board"):
        next(measure(SPECS, AARCH64, LOCAL, notify=print))
