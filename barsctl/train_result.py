"""What a training came to, as its folder keeps it."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from space.strict_json import parse_strict

RESULT = "result.json"


@dataclass(frozen=True, slots=True)
class SearchedAccuracies:
    """What the search that a network comes from told, on validation images with its weights.

    relaxed, discretised: of its last epoch, see Gap; the latter of its most probable network.
    derived: of the network itself, as derive judged it; None where derive.json does not tell.
    """

    relaxed: float
    discretised: float
    derived: float | None


@dataclass(frozen=True, slots=True)
class Trained:
    """Accuracies, as shares, of the epoch that was best on the validation images."""

    best_epoch: int
    validation_accuracy: float
    test_accuracy: float
    searched: SearchedAccuracies | None = None
    """None where the network comes from no search, or its metrics are gone."""


_RESULT = TypeAdapter(Trained)
# What results say nothing of that were written before they could.
_LATER = {"": {"searched": None}, "searched": {"derived": None}}


def read_result(path: Path) -> Trained:
    """Return what a training's result.json tells. Raises SpaceError where it is damaged."""
    return parse_strict(path.read_bytes(), _RESULT, what=str(path), later=_LATER)
