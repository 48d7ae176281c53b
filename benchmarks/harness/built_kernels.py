"""Kernels as `barsctl profile` builds and times them, for rounds that others share."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from space.blocks import Block
from targets.kernel_specs import KernelSpec, kernel_specs
from targets.measuring.place import LOCAL
from targets.measuring.timing import TimingWorker
from targets.subjects.library import build_timing_library
from targets.target import Target
from targets.tiling import NO_TILES


@dataclass(frozen=True, slots=True)
class BuiltKernels:
    """Kernels of blocks for one target, timed in a process of their own."""

    positions: dict[KernelSpec, int]
    library: Path
    worker: TimingWorker

    def time_us(self, block: Block) -> float:
        """The median microseconds of one run."""
        (spec,) = kernel_specs(block)
        samples = self.worker.samples_us(self.library, self.positions[spec])
        # Of all of them, as of those that it is compared with.
        return float(np.median(samples.times))


@contextmanager
def built_kernels(blocks: Sequence[Block], target: Target) -> Iterator[BuiltKernels]:
    """Build the kernels; the process that times them ends with the context."""
    specs = dict.fromkeys(spec for block in blocks for spec in kernel_specs(block))
    positions = {spec: index for index, spec in enumerate(specs)}
    with TemporaryDirectory() as folder, TimingWorker(LOCAL) as worker:
        library = Path(folder) / "kernels.so"
        build_timing_library(
            list(specs), target, Path(folder), library.name,
            threads=1, tiles=NO_TILES, notify=print,
        )  # fmt: skip
        yield BuiltKernels(positions, library, worker)
