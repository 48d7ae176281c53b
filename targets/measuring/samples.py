"""Which samples of a time count: those that neither a clock change nor a neighbour disturbed."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# A reference loop that took this much longer ran at another clock, or waited.
MOST_REFERENCE = 1.05
# A neighbour on the core or in its caches makes samples slow; the fast ones are close together.
MOST_TIME = 1.1
FAST_SHARE = 0.25
# Where fewer of the samples count than this share, more are taken.
CALM_SHARE = 0.6


def steady(times: Floats, references: Floats) -> Floats:
    """Of samples [samples] taken in a row, those next to no slow reference; at least one.

    references [samples]: times of a loop of constant work next to each.
    """
    kept: Floats = times[references <= MOST_REFERENCE * references.min()]
    return kept


def undisturbed(times: Floats) -> Floats:
    """Of samples [samples] those not much slower than the fast quarter; at least one."""
    kept: Floats = times[times <= MOST_TIME * np.quantile(times, FAST_SHARE)]
    return kept


def is_calm(times: Floats) -> bool:
    """Whether so many samples are undisturbed that no more are needed."""
    return len(undisturbed(times)) >= CALM_SHARE * len(times)
