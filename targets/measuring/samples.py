"""Which samples of a time count: those that neither a clock change nor a neighbour disturbed."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# A reference loop that took this much longer ran at another clock, or shared its core.
MOST_REFERENCE = 1.08
# A neighbour in the caches makes samples slow; the fast ones are close together.
MOST_TIME = 1.1
FAST_SHARE = 0.25
# As many samples that count are enough.
ENOUGH = 20


@dataclass(frozen=True, eq=False, slots=True)
class Samples:
    """Times of one subject [samples], and of a loop of constant work next to each [samples]."""

    times: Floats
    references: Floats

    def with_others(self, others: Self) -> Self:
        """Both, in order."""
        return type(self)(
            np.append(self.times, others.times), np.append(self.references, others.references)
        )


def undisturbed(samples: Samples, *, fastest: float) -> Floats:
    """The times that count, at least one.

    Samples next to a slow reference are left out, then those that are much slower than the fast
    quarter. fastest: the fastest reference of the place; where none of the samples comes near, it
    is the fastest of them, for the clock may have changed for good.
    """
    steady = _steady(samples, fastest)
    if not steady.any():
        steady = _steady(samples, samples.references.min())
    times = samples.times[steady]
    kept: Floats = times[times <= MOST_TIME * np.quantile(times, FAST_SHARE)]
    return kept


def are_enough(samples: Samples, *, fastest: float) -> bool:
    """Whether so many samples count that no more are needed."""
    is_steady = _steady(samples, fastest).any()
    return bool(is_steady) and len(undisturbed(samples, fastest=fastest)) >= ENOUGH


def _steady(samples: Samples, fastest: float) -> NDArray[np.bool_]:
    steady: NDArray[np.bool_] = samples.references <= MOST_REFERENCE * fastest
    return steady
