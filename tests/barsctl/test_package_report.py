from pathlib import Path

import pytest

from barsctl.package_report import Accuracies, Checked, Package, TargetReport
from targets.catalog import named_target
from targets.compile import Artefacts
from targets.runners.program import Latency
from targets.verify import Verification


def package(*, frozen: float) -> Package:
    accuracies = Accuracies(
        1000, trained=0.9, frozen=frozen, onnx=frozen, agreement=0.99, labelled=True
    )
    return Package(Path("compiled"), accuracies, Verification(1000, (), None), ())


@pytest.mark.parametrize("frozen", [0.9, 0.8981, 0.9019])
def test_small_loss_is_no_warning(frozen: float) -> None:
    assert package(frozen=frozen).warnings == ()


def test_large_loss_is_one_warning() -> None:
    assert package(frozen=0.897).warnings == (
        "freezing lost 0.30 points of accuracy, more than 0.2: 89.7% is what programs have",
    )


def test_large_gain_is_one_warning() -> None:
    (warning,) = package(frozen=0.903).warnings
    assert warning.startswith("freezing won 0.30 points")


def on_threads(together_ms: float, alone_ms: float | None) -> Package:
    together, alone = (
        None if ms is None else Latency(9, ms, ms, ms, "measured") for ms in (together_ms, alone_ms)
    )
    equal = Verification(1000, (), None)
    checked = Checked(equal, 0.9, emulated=False, latency=together, one_thread_latency=alone)
    here = Path("here")
    report = TargetReport(
        named_target("host"), Artefacts(here, here, here, here, here, 64), checked, None
    )
    return Package(here, Accuracies(1000, 0.9, 0.9, 0.9, 0.99, labelled=True), equal, (report,))


def test_threads_that_slow_a_program_down_are_one_warning() -> None:
    (warning,) = on_threads(0.5, 0.004).warnings
    assert warning.startswith("host: one thread takes 0.004 ms, all of them together 0.5 ms")
    assert "compile without --threads" in warning


@pytest.mark.parametrize("alone_ms", [None, 0.9])
def test_threads_that_help_are_no_warning(alone_ms: float | None) -> None:
    assert on_threads(0.5, alone_ms).warnings == ()
