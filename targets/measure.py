"""Measuring kernels on this machine: built in batches, then timed one by one.

Building uses every core and timing one, never both at a time: a compiler beside it would take the
cache from the kernel. A kernel that cannot be built or run costs its own row only.
"""

import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from .build import tvm_library
from .errors import TargetError
from .kernel_specs import KernelSpec
from .target import Target
from .tiling import Tiles, candidate_tiles
from .timing import TimingWorker, timed_kernel
from .vector_unit import Tile

BATCH = 24
# As many failures before any success are the target's or the machine's, not a kernel's.
HOPELESS = 3
# The tiles that are timed again before one is taken: a single noisy pick may cost a kernel twice.
FINALISTS = 3


@dataclass(frozen=True, slots=True)
class Measured:
    """Microseconds of one run of a kernel, several times; tile: None for the target's own."""

    spec: KernelSpec
    times_us: tuple[float, ...]
    tile: Tile | None = None

    @property
    def median_us(self) -> float:
        return statistics.median(self.times_us)


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a kernel could not be measured."""

    spec: KernelSpec
    reason: str


@dataclass(frozen=True, slots=True)
class _Built:
    spec: KernelSpec
    library: Path
    tile: Tile | None


def measure(
    specs: Sequence[KernelSpec], target: Target, *, tune: bool = False
) -> Iterator[Measured | Failed]:
    """Yield every spec's times in order, as they are measured.

    tune: with the fastest of a few tiles. Raises TargetError where the first kernels all fail.
    """
    results = _measure(specs, target, tune=tune)
    for failures, result in enumerate(results, start=1):
        yield result
        if isinstance(result, Measured):
            break
        if failures == HOPELESS:
            raise TargetError(
                f"the first {HOPELESS} kernels all failed, the last one because {result.reason}; "
                "does this machine execute programs for the target? `barsctl targets` tells"
            )
    yield from results


def core_count() -> int:
    """The cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _measure(
    specs: Sequence[KernelSpec], target: Target, *, tune: bool
) -> Iterator[Measured | Failed]:
    with _bench(target) as bench:
        for wave in _parts(specs, BATCH * core_count()):
            if tune:
                yield from _tuned(wave, bench)
            else:
                yield from map(bench.time, bench.build(wave, tiles={}))


def _tuned(specs: Sequence[KernelSpec], bench: "_Bench") -> Iterator[Measured | Failed]:
    """The specs with the best of their tiles, timed again."""
    first = bench.build(specs, tiles={})
    found = {spec: [built] for spec, built in zip(specs, first, strict=True)}
    for tiles in _rounds(specs, bench.target):
        for spec, built in zip(tiles, bench.build(tuple(tiles), tiles=tiles), strict=True):
            found[spec].append(built)
    for candidates in found.values():
        yield _best(candidates, bench)


def _rounds(specs: Sequence[KernelSpec], target: Target) -> Iterator[Tiles]:
    """Another tile for every spec that has one more, until none has."""
    others = {spec: candidate_tiles(spec, target.vector_unit)[1:] for spec in specs}
    for index in range(max(map(len, others.values()), default=0)):
        yield {spec: tiles[index] for spec, tiles in others.items() if index < len(tiles)}


def _best(candidates: Sequence[_Built | Failed], bench: "_Bench") -> Measured | Failed:
    """The fastest of a spec's kernels; the failure of the first where all fail."""
    timed = [(built, bench.time(built)) for built in candidates]
    measured = [(built, time) for built, time in timed if isinstance(time, Measured)]
    if len(measured) < 2:
        return measured[0][1] if measured else timed[0][1]
    measured.sort(key=lambda pair: pair[1].median_us)
    again = [bench.time(built) for built, _ in measured[:FINALISTS]]
    return min(
        (each for each in again if isinstance(each, Measured)),
        key=lambda each: each.median_us,
        default=measured[0][1],
    )


@dataclass(frozen=True, slots=True)
class _Bench:
    """What builds kernels, on every core, and what times them, on one."""

    target: Target
    folder: Path
    pool: ThreadPoolExecutor
    worker: TimingWorker

    def build(self, specs: Sequence[KernelSpec], *, tiles: Tiles) -> list[_Built | Failed]:
        """Build the kernels in the order of the specs."""
        share = max(1, -(-len(specs) // core_count()))
        build = partial(_build, tiles=tiles, target=self.target, folder=self.folder)
        return list(chain.from_iterable(self.pool.map(build, _parts(specs, share))))

    def time(self, built: _Built | Failed) -> Measured | Failed:
        """Time a kernel, if it was built."""
        if isinstance(built, Failed):
            return built
        kernel = timed_kernel(built.spec, self.target, built.library)
        try:
            return Measured(built.spec, tuple(self.worker.time_us(kernel)), built.tile)
        except TargetError as error:
            return Failed(built.spec, str(error))


@contextmanager
def _bench(target: Target) -> Iterator[_Bench]:
    with (
        TemporaryDirectory(prefix="barsctl-kernels-") as folder,
        ThreadPoolExecutor(core_count()) as pool,
        TimingWorker() as worker,
    ):
        yield _Bench(target, Path(folder), pool, worker)


def _parts(specs: Sequence[KernelSpec], length: int) -> list[Sequence[KernelSpec]]:
    return [specs[start : start + length] for start in range(0, len(specs), length)]


def _build(
    specs: Sequence[KernelSpec], *, tiles: Mapping[KernelSpec, Tile], target: Target, folder: Path
) -> list[_Built | Failed]:
    """Build the specs together, or, where that fails, either half, down to the one at fault."""
    library = folder / f"{uuid4().hex}.so"
    try:
        tvm_library(specs, target, library, tiles=tiles)
    except (TargetError, RuntimeError) as error:
        if len(specs) == 1:
            return [Failed(specs[0], str(error).strip().splitlines()[-1])]
        half = len(specs) // 2
        build = partial(_build, tiles=tiles, target=target, folder=folder)
        return [*build(specs[:half]), *build(specs[half:])]
    return [_Built(spec, library, tiles.get(spec)) for spec in specs]
