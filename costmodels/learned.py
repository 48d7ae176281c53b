"""A cost model of kernels that is learned from some of them, so that not all need be measured.

A kernel's cost is the sum of its work times prices, which are positive. They are fitted to relative
errors, so that small kernels count as much as large ones, and a kernel that something disturbed
while it was timed, which only takes longer, pulls no more than the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from targets.kernel_specs import KernelSpec
from targets.vector_unit import VectorUnit

from .errors import CostError
from .kernel_work import NOMINAL, kernel_work

Floats = NDArray[np.float64]
# What the nominal price of a kind of work weighs, beside the kernels that do it.
_PRIOR = 0.003
# The lowest price, of the nominal one: no work is free, so that a larger kernel costs more.
_LOWEST = 0.01
# Relative difference that a measurement hides: a second kernel of equal work still tells a little.
_NOISE = 0.03
# Fewer kernels leave more than a quarter of the others with errors of 10 % and more.
LEAST_KERNELS = 20
_FOLDS = 20


class KernelModel(Protocol):
    """Predicts what a kernel costs."""

    def predict(self, spec: KernelSpec) -> float:
        """In the unit of the costs that it was fitted to, finite and positive."""


@dataclass(frozen=True, slots=True)
class WorkModel:
    """A price for each kind of work of NOMINAL, on one processor."""

    unit: VectorUnit
    prices: Mapping[str, float]

    def predict(self, spec: KernelSpec) -> float:
        """The sum of the kernel's work."""
        work = kernel_work(spec, self.unit)
        return sum(self.prices[name] * amount for name, amount in work.items())


def fit_kernel_model(costs: Mapping[KernelSpec, float], unit: VectorUnit) -> KernelModel:
    """The model that fits the kernels' costs best.

    Work that no kernel does has its nominal price, in proportion to the others. Raises CostError
    where there are no costs, or one is not positive.
    """
    _check(costs)
    amounts = _amounts(tuple(costs), unit)
    prices = _prices(amounts, np.array(list(costs.values()), np.float64))
    return WorkModel(unit, dict(zip(NOMINAL, prices.tolist(), strict=True)))


def held_out_errors(costs: Mapping[KernelSpec, float], unit: VectorUnit) -> Floats:
    """Relative errors [rows] of models that were fitted without the row: predicted / cost - 1.

    Each model leaves out a twentieth of the rows, or one. Those of a spread sample are up to
    three times the errors of kernels outside it: each of its rows does what the others do not.
    Raises CostError where there are fewer than two, or a cost is not positive.
    """
    _check(costs, least=2)
    amounts = _amounts(tuple(costs), unit)
    found = np.array(list(costs.values()), np.float64)
    errors = np.empty(len(found))
    for fold in range(min(_FOLDS, len(found))):
        is_out = np.arange(len(found)) % _FOLDS == fold
        prices = _prices(amounts[~is_out], found[~is_out])
        errors[is_out] = amounts[is_out] @ prices / found[is_out] - 1
    return errors


def spread_sample(
    specs: Sequence[KernelSpec], count: int, *, unit: VectorUnit
) -> tuple[KernelSpec, ...]:
    """The kernels to measure so that the others can be predicted, in the order of the specs.

    Each next one is that whose work is least a combination of what the chosen ones do. All of
    them where there are no more. Raises CostError where `count` is below LEAST_KERNELS.
    """
    distinct = tuple(dict.fromkeys(specs))
    least = min(LEAST_KERNELS, len(distinct))
    if count < least:
        raise CostError(
            f"{count} of {len(distinct)} kernels are too few to predict the others from; "
            f"measure at least {least}"
        )
    amounts = _amounts(distinct, unit)
    chosen = _least_explained(amounts, min(count, len(distinct)))
    return tuple(distinct[index] for index in sorted(chosen))


def _check(costs: Mapping[KernelSpec, float], *, least: int = 1) -> None:
    if len(costs) < least:
        raise CostError(f"{len(costs)} kernels' costs: a model needs {least}; measure more kernels")
    for spec, cost in costs.items():
        if not 0 < cost < np.inf:
            raise CostError(f"{spec.key} costs {cost}: it must be positive; measure it again")


def _amounts(specs: Sequence[KernelSpec], unit: VectorUnit) -> Floats:
    """[specs, kinds of work]"""
    works = [kernel_work(spec, unit) for spec in specs]
    return np.array([[work.get(name, 0.0) for name in NOMINAL] for work in works], np.float64)


def _prices(amounts: Floats, costs: Floats) -> Floats:
    """Least squares of relative errors and, weakly, of differences from the nominal prices."""
    nominal = np.array(list(NOMINAL.values()))
    nominal *= np.median(costs / (amounts @ nominal))
    shares = amounts / costs[:, None]
    users = np.sum(shares > 0, axis=0)
    is_done = users > 0
    # In shares of the kernels' costs, which makes prices of all kinds comparable.
    scale = np.sqrt(np.sum(shares**2, axis=0)[is_done] / users[is_done])
    weights = np.sqrt(_PRIOR * users[is_done])
    matrix = np.vstack([shares[:, is_done] / scale, np.diag(weights)])
    expected = nominal[is_done] * scale
    wanted = np.concatenate([np.ones(len(costs)), weights * expected])
    lowest = _LOWEST * expected
    prices = nominal.copy()
    prices[is_done] = (lowest + nnls(matrix, wanted - matrix @ lowest)[0]) / scale
    return prices


def _least_explained(amounts: Floats, count: int) -> list[int]:
    """Rows by a pivoted Cholesky decomposition of their similarity; the first of equal ones.

    Two kernels are alike as far as the kinds of work have the same shares in their nominal costs.
    """
    nominal = amounts * np.array(list(NOMINAL.values()))
    rows = np.sqrt(nominal / nominal.sum(axis=1, keepdims=True))
    similarity = rows @ rows.T
    left = np.ones(len(rows), np.bool_)
    chosen: list[int] = []
    for _ in range(count):
        # Rounded, so that what is equal but for the order of a sum stays equal.
        unexplained = np.where(left, np.round(np.diag(similarity), 9), -1.0)
        index = int(np.argmax(unexplained))
        column = similarity[:, index]
        similarity = similarity - np.outer(column, column) / (column[index] + _NOISE**2)
        left[index] = False
        chosen.append(index)
    return chosen
