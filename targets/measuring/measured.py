"""What measuring comes to."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from targets.subjects.subject import Subject
from targets.vector_unit import Tile


class Quantiles(NamedTuple):
    """Of n samples of a cost."""

    n: int
    median: float
    p10: float
    p90: float
    min: float


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
        return self.quantiles.median

    @property
    def quantiles(self) -> Quantiles:
        p10, median, p90 = np.quantile(self.costs, [0.1, 0.5, 0.9]).tolist()
        return Quantiles(len(self.costs), median, p10, p90, min(self.costs))


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a subject could not be measured."""

    subject: Subject
    reason: str
