from pathlib import Path

import pytest

from barsctl.package_report import Accuracies, Package
from targets.verify import Verification


def package(*, frozen: float) -> Package:
    accuracies = Accuracies(1000, trained=0.9, frozen=frozen, onnx=frozen)
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
