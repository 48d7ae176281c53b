"""Kernels as `barsctl profile` builds and times them, for rounds that others share."""

import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from space.blocks import Block
from targets.build import tvm_library
from targets.kernel_specs import kernel_specs
from targets.target import Target
from targets.timing import TimingWorker, timed_kernel


@dataclass(frozen=True, slots=True)
class BuiltKernels:
    """Kernels of blocks for one target, timed in a process of their own."""

    target: Target
    library: Path
    worker: TimingWorker

    def time_us(self, block: Block) -> float:
        """The median microseconds of one run."""
        (spec,) = kernel_specs(block)
        return statistics.median(self.worker.time_us(timed_kernel(spec, self.target, self.library)))


@contextmanager
def built_kernels(blocks: Sequence[Block], target: Target) -> Iterator[BuiltKernels]:
    """Build the kernels; the process that times them ends with the context."""
    specs = list(dict.fromkeys(spec for block in blocks for spec in kernel_specs(block)))
    with TemporaryDirectory() as folder, TimingWorker() as worker:
        library = Path(folder) / "kernels.so"
        tvm_library(specs, target, library)
        yield BuiltKernels(target, library, worker)
