"""From a sum of kernels to a network: a small correction, fitted on networks measured whole.

A kernel measured alone finds its data in the cache and its branches foreseen; in a network it may
not, and calling it takes time too. So a network costs

    scale * (sum of its kernels) + overhead * (number of its kernels),

which is a sum over kernels again. Both are at least 0, and fitted to relative errors.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from .errors import CostError

FEWEST_NETWORKS = 3
MOST_SCALE, MOST_OVERHEAD = 1e3, 1e15


@dataclass(frozen=True, slots=True)
class WholeNetwork:
    """A network that was measured whole: its cost, the sum of its kernels', and their number."""

    measured: float
    kernels_sum: float
    kernels: int


@dataclass(frozen=True, slots=True)
class Correction:
    """See the module; overhead: in the table's unit.

    networks: that it was fitted on. held_out_error: the relative root mean square error on each of
    them of a correction fitted on the others.
    """

    scale: float
    overhead: float
    networks: int
    held_out_error: float

    def __post_init__(self) -> None:
        numbers = (self.scale, self.overhead, self.held_out_error)
        is_sane = 0 < self.scale <= MOST_SCALE and 0 <= self.overhead <= MOST_OVERHEAD
        if not is_sane or not 0 <= self.held_out_error < math.inf:
            raise CostError(
                f"correction {numbers}: scale must be above 0 and at most {MOST_SCALE:g}, overhead "
                f"from 0 to {MOST_OVERHEAD:g}, error finite and at least 0: calibrate the table "
                "again"
            )

    def kernel_cost(self, median: float) -> float:
        """What a kernel adds to a network."""
        return self.scale * median + self.overhead


def fit_correction(networks: Sequence[WholeNetwork]) -> Correction:
    """The correction of measured networks. Raises CostError where there are too few."""
    if len(networks) < FEWEST_NETWORKS:
        raise CostError(
            f"{len(networks)} networks measured whole; a correction and its error need at least "
            f"{FEWEST_NETWORKS}: calibrate with more"
        )
    measured = np.array([each.measured for each in networks])
    parts = np.array([[each.kernels_sum, each.kernels] for each in networks]) / measured[:, None]
    scale, overhead = _fitted(parts)
    errors = [
        parts[number] @ _fitted(np.delete(parts, number, axis=0)) - 1
        for number in range(len(networks))
    ]
    held_out_error = float(np.sqrt(np.mean(np.square(errors))))
    return Correction(float(scale), float(overhead), len(networks), held_out_error)


def _fitted(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weights >= 0 [2] with which parts [networks, 2] of measured costs come nearest to 1."""
    weights: NDArray[np.float64] = nnls(parts, np.ones(len(parts)))[0]
    return weights
