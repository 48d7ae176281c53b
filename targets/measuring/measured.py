"""What measuring comes to."""

import statistics
from dataclasses import dataclass

from targets.subjects.subject import Subject
from targets.vector_unit import Tile


@dataclass(frozen=True, slots=True)
class Measured:
    """A subject's cost, several times: microseconds of one run, or its instructions.

    tile: a kernel's own, None for the target's.
    """

    subject: Subject
    costs: tuple[float, ...]
    tile: Tile | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.costs)


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a subject could not be measured."""

    subject: Subject
    reason: str
