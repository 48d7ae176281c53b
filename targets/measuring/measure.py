"""Measuring subjects in one of four ways: built in batches, then measured one by one.

A subject that cannot be built or run costs its own row only.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from targets.build import require_tvm
from targets.emulation.counting import require_emulator
from targets.errors import TargetError
from targets.host import runs_here
from targets.kernel_specs import KernelSpec
from targets.subjects.subject import Subject
from targets.target import Target
from targets.tiling import NO_TILES, Tiles, candidate_tiles
from targets.toolchain import Notify
from targets.vector_unit import Tile

from .bench import Bench, Built
from .counted_bench import CountedBench
from .measured import Failed, Measured
from .place import Place
from .timed_bench import TimedBench
from .timing import TimingWorker

# Subjects that are built and uploaded together; a process that is killed loses one batch's builds.
BATCH = 200
TUNED_BATCH = 40
# As many failures before any success are the target's or the machine's, not a kernel's.
HOPELESS = 3
# The tiles that are measured again before one is taken: a noisy pick may cost a kernel twice.
FINALISTS = 3


def measure(
    subjects: Sequence[Subject],
    target: Target,
    place: Place,
    *,
    notify: Notify,
    threads: int = 1,
    tune: bool = False,
    tiles: Tiles = NO_TILES,
) -> Iterator[Measured | Failed]:
    """Yield every subject's costs as they are measured: microseconds, or instructions if emulated.

    threads: that share a run. tune: kernels with the best of a few tiles. tiles: of kernels that
    were tuned before. Raises TargetError where the target cannot be measured there, a board is
    lost, or the first subjects all fail.
    """
    require_measurable(target, place, threads=threads)
    with _bench(target, place, threads=threads, notify=notify) as bench:
        results = _results(subjects, bench, target, tune=tune, tiles=tiles)
        for failures, result in enumerate(results, start=1):
            yield result
            if isinstance(result, Measured):
                break
            if failures == HOPELESS:
                raise TargetError(
                    f"the first {HOPELESS} kernels all failed, the last one because "
                    f"{result.reason}; does {place} execute programs for {target.name}?"
                )
        yield from results


@contextmanager
def _bench(target: Target, place: Place, *, threads: int, notify: Notify) -> Iterator[Bench]:
    with TemporaryDirectory(prefix="barsctl-measuring-") as name:
        folder = Path(name)
        if place.way in ("emulated", "modelled"):
            core = target.core if place.way == "modelled" else None
            yield CountedBench(target, folder, notify, core)
        else:
            start_worker = partial(TimingWorker, place, threads=threads)
            yield TimedBench(target, folder, threads, notify, start_worker)


def require_measurable(target: Target, place: Place, *, threads: int) -> None:
    """Raise TargetError where a target's kernels cannot be built, or not measured at a place."""
    require_tvm("building kernels")
    if target.variants:
        raise TargetError(
            f"{target.name} stands for {', '.join(each.name for each in target.variants)}: a "
            "table holds for one processor; take one of them"
        )
    match place.way:
        case "local" | "rpc" if target.is_bare_metal:
            raise TargetError(
                f"{target.name} has no operating system, and no agent runs without one: its "
                "kernels cannot be timed yet; take emulated or modelled"
            )
        case "local" if not runs_here(target):
            raise TargetError(
                f"kernels for {target.name} do not run on this machine; name the board as "
                "rpc://HOST:PORT or tracker://HOST:PORT/KEY, or take emulated or modelled"
            )
        case "emulated" | "modelled":
            require_emulator(target)
            if threads > 1:
                raise TargetError(
                    f"{threads} threads: what threads gain is not counted in an emulator; take 1"
                )
            if place.way == "modelled" and target.core is None:
                raise TargetError(
                    f"LLVM models no core of target {target.name}; count instructions (emulated), "
                    "or measure on a board"
                )


def _results(
    subjects: Sequence[Subject], bench: Bench, target: Target, *, tune: bool, tiles: Tiles
) -> Iterator[Measured | Failed]:
    for wave in _parts(subjects, TUNED_BATCH if tune else BATCH):
        if tune:
            yield from _tuned(wave, bench, target)
        else:
            yield from _costs(bench.build(wave, tiles=tiles), bench)


def _costs(built: Sequence[Built | Failed], bench: Bench) -> Iterator[Measured | Failed]:
    """What could not be built comes last: it must not hide that the rest can be measured."""
    yield from bench.costs([each for each in built if isinstance(each, Built)])
    yield from (each for each in built if isinstance(each, Failed))


def _tuned(
    subjects: Sequence[Subject], bench: Bench, target: Target
) -> Iterator[Measured | Failed]:
    """The subjects with the best of their tiles; the most promising are measured again."""
    built = bench.build(subjects, tiles=NO_TILES)
    for tiles in _rounds(subjects, target):
        built += bench.build(tuple(tiles), tiles=tiles)
    results: dict[Subject, list[Measured | Failed]] = {subject: [] for subject in subjects}
    for result in _costs(built, bench):
        results[result.subject].append(result)
    finalists = {key for found in results.values() for key in _finalists(found)}
    second = _costs([each for each in built if _key(each) in finalists], bench)
    last = {subject: list[Measured | Failed]() for subject in subjects}
    for result in second:
        last[result.subject].append(result)
    for subject in subjects:
        again = [each for each in last[subject] if isinstance(each, Measured)]
        yield _best(again or results[subject])


def _key(each: Built | Measured | Failed) -> tuple[Subject, Tile | None] | None:
    return None if isinstance(each, Failed) else (each.subject, each.tile)


def _finalists(results: Sequence[Measured | Failed]) -> list[tuple[Subject, Tile | None]]:
    """The keys of the fastest of a subject's kernels, where there is a choice."""
    measured = sorted((each for each in results if isinstance(each, Measured)), key=_median)
    return [(each.subject, each.tile) for each in measured[:FINALISTS] if len(measured) > 1]


def _median(measured: Measured) -> float:
    return measured.median


def _best(results: Sequence[Measured | Failed]) -> Measured | Failed:
    """The fastest; the first failure where all failed."""
    measured = [each for each in results if isinstance(each, Measured)]
    return min(measured, key=_median) if measured else results[0]


def _rounds(subjects: Sequence[Subject], target: Target) -> Iterator[Tiles]:
    """Another tile for every kernel that has one more, until none has."""
    others = {
        subject: candidate_tiles(subject, target.vector_unit)[1:]
        for subject in subjects
        if isinstance(subject, KernelSpec)
    }
    for index in range(max(map(len, others.values()), default=0)):
        yield {spec: tiles[index] for spec, tiles in others.items() if index < len(tiles)}


def _parts(subjects: Sequence[Subject], length: int) -> list[Sequence[Subject]]:
    return [subjects[start : start + length] for start in range(0, len(subjects), length)]
