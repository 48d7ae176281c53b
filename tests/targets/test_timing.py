import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from targets.build import tvm_library
from targets.catalog import named_target
from targets.errors import TargetError
from targets.host import host_flags
from targets.kernel_specs import KernelSpec
from targets.timing import TimedKernel, TimingWorker, timed_kernel
from tests.targets.timed_blocks import CRASHING, small_specs

SPEC, OTHER, _ = small_specs()


def kernel(library: Path, spec: KernelSpec = SPEC) -> TimedKernel:
    return timed_kernel(spec, named_target("host"), library)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("timing") / "kernels.so"
    tvm_library([SPEC, OTHER], named_target("host"), path)
    return path


@pytest.fixture(scope="module")
def worker() -> Iterator[TimingWorker]:
    with TimingWorker() as worker:
        yield worker


def test_kernel_is_timed_several_times(library: Path, worker: TimingWorker) -> None:
    times_us = worker.time_us(kernel(library))
    assert len(times_us) >= 7
    assert min(times_us) > 0
    assert min(worker.time_us(kernel(library, OTHER))) > 0


def test_worker_stays_on_one_core(library: Path, worker: TimingWorker) -> None:
    worker.time_us(kernel(library))
    assert worker.core in os.sched_getaffinity(0)


@pytest.mark.skipif("avx2" not in host_flags(), reason="the crashing kernel is for x86 with AVX2")
def test_crash_costs_one_kernel(library: Path, worker: TimingWorker, tmp_path: Path) -> None:
    crashing = tmp_path / "crashing.so"
    tvm_library([SPEC], CRASHING, crashing)
    with pytest.raises(TargetError, match="its process died: SIGILL"):
        worker.time_us(kernel(crashing))
    assert worker.time_us(kernel(library))


def test_silence_past_the_deadline_is_ended(library: Path) -> None:
    too_long = pytest.raises(TargetError, match=r"no answer within 0\.001 s")
    with TimingWorker(deadline_s=0.001) as worker, too_long:
        worker.time_us(kernel(library))


def test_unknown_symbol_is_refused(library: Path, worker: TimingWorker) -> None:
    with pytest.raises(TargetError, match="absent"):
        worker.time_us(TimedKernel(library, "absent", ()))
    assert worker.time_us(kernel(library))


def test_missing_library_is_refused(tmp_path: Path, worker: TimingWorker) -> None:
    with pytest.raises(TargetError, match=r"gone\.so"):
        worker.time_us(kernel(tmp_path / "gone.so"))
