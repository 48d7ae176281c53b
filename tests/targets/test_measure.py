from collections.abc import Sequence
from pathlib import Path

import pytest

from targets import measure as measuring
from targets.build import tvm_library
from targets.catalog import named_target
from targets.errors import TargetError
from targets.host import host_flags
from targets.kernel_specs import KernelSpec
from targets.measure import Failed, Measured, core_count, measure
from targets.target import Target
from tests.targets.timed_blocks import CRASHING, small_specs

SPECS = small_specs()
BAD = SPECS[1]
needs_avx2 = pytest.mark.skipif("avx2" not in host_flags(), reason="the crash is one of x86")


@needs_avx2
def test_crash_costs_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(specs: Sequence[KernelSpec], target: Target, path: Path) -> None:
        if BAD in specs and len(specs) > 1:
            raise TargetError("these do not go together")
        tvm_library(specs, CRASHING if BAD in specs else target, path)

    monkeypatch.setattr(measuring, "tvm_library", build)
    before, crashed, after = measure(SPECS, named_target("host"))
    assert (before.spec, crashed.spec, after.spec) == SPECS
    assert isinstance(before, Measured)
    assert isinstance(crashed, Failed)
    assert "SIGILL" in crashed.reason
    assert isinstance(after, Measured)


def test_kernel_that_cannot_be_built_costs_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(specs: Sequence[KernelSpec], target: Target, path: Path) -> None:
        if BAD in specs:
            raise TargetError("LLVM died of signal 6")
        tvm_library(specs, target, path)

    monkeypatch.setattr(measuring, "tvm_library", build)
    results = list(measure(SPECS, named_target("host")))
    assert [isinstance(result, Measured) for result in results] == [True, False, True]
    assert results[1] == Failed(BAD, "LLVM died of signal 6")


@needs_avx2
def test_target_that_crashes_throughout_is_given_up() -> None:
    results = measure(SPECS, CRASHING)
    with pytest.raises(TargetError, match=r"first 3 kernels all failed.*SIGILL"):
        list(results)


def test_nothing_to_measure_starts_nothing() -> None:
    assert list(measure((), named_target("host"))) == []
    assert core_count() >= 1
