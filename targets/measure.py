"""Measuring kernels on this machine: built in batches, then timed one by one.

Building uses every core and timing one, never both at a time: a compiler beside it would take the
cache from the kernel. A kernel that cannot be built or run costs its own row only.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
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
from .timing import TimingWorker, timed_kernel

BATCH = 24
# As many failures before any success are the target's or the machine's, not a kernel's.
HOPELESS = 3


@dataclass(frozen=True, slots=True)
class Measured:
    """Microseconds of one run of a kernel, several times."""

    spec: KernelSpec
    times_us: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a kernel could not be measured."""

    spec: KernelSpec
    reason: str


@dataclass(frozen=True, slots=True)
class _Built:
    spec: KernelSpec
    library: Path


def measure(specs: Sequence[KernelSpec], target: Target) -> Iterator[Measured | Failed]:
    """Yield every spec's times in order, as they are measured.

    Raises TargetError where the first kernels all fail.
    """
    results = _measure(specs, target)
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


def _measure(specs: Sequence[KernelSpec], target: Target) -> Iterator[Measured | Failed]:
    builders = core_count()
    with (
        TemporaryDirectory(prefix="barsctl-kernels-") as folder,
        ThreadPoolExecutor(builders) as pool,
        TimingWorker() as worker,
    ):
        for wave in _parts(specs, BATCH * builders):
            in_folder = partial(_build, target=target, folder=Path(folder))
            libraries = list(pool.map(in_folder, _parts(wave, -(-len(wave) // builders))))
            for built in chain.from_iterable(libraries):
                yield built if isinstance(built, Failed) else _time(built, target, worker)


def _parts(specs: Sequence[KernelSpec], length: int) -> list[Sequence[KernelSpec]]:
    return [specs[start : start + length] for start in range(0, len(specs), length)]


def _build(specs: Sequence[KernelSpec], *, target: Target, folder: Path) -> list[_Built | Failed]:
    """Build the specs together, or, where that fails, either half, down to the one at fault."""
    library = folder / f"{uuid4().hex}.so"
    try:
        tvm_library(specs, target, library)
    except (TargetError, RuntimeError) as error:
        if len(specs) == 1:
            return [Failed(specs[0], str(error).strip().splitlines()[-1])]
        half = len(specs) // 2
        halves = (specs[:half], specs[half:])
        return [each for part in halves for each in _build(part, target=target, folder=folder)]
    return [_Built(spec, library) for spec in specs]


def _time(built: _Built, target: Target, worker: TimingWorker) -> Measured | Failed:
    kernel = timed_kernel(built.spec, target, built.library)
    try:
        return Measured(built.spec, tuple(worker.time_us(kernel)))
    except TargetError as error:
        return Failed(built.spec, str(error))
