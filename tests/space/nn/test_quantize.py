"""Integers decide and scale as the real numbers do."""

import numpy as np
import pytest

from space.errors import SpaceError
from space.nn.quantize import (
    Line,
    constant_threshold,
    quantized,
    requantize,
    sign_threshold,
    total_bounds,
)

every_int16 = np.arange(-(2**15), 2**15)


def test_threshold_decides_like_batch_norm_and_sign() -> None:
    rng = np.random.default_rng(0)
    gain = np.concatenate([rng.normal(0, 1, 60), [0.0, 0.0, -0.0, 1.0, -1.0, 1.0, -1.0]])
    bias = np.concatenate([rng.normal(0, 3, 60), [1.0, -1.0, 0.0, 500.0, 500.0, -500.0, -500.0]])
    mean, std = rng.normal(0, 5, 67), rng.uniform(0.1, 3, 67)
    threshold = sign_threshold(gain, bias, mean, std, real_exponent=9)
    values = (every_int16[:, None] * 2.0**-9 - mean) / std * gain + bias
    bits = (every_int16[:, None] < threshold.threshold) ^ threshold.flip
    assert np.array_equal(bits, values < 0)


@pytest.mark.parametrize(("gain", "bits_below", "bits_above"), [(1.0, 1, 0), (-1.0, 0, 1)])
def test_value_at_the_threshold_is_plus_one(gain: float, bits_below: int, bits_above: int) -> None:
    numbers = (np.array([each]) for each in (gain, 0.0, 3.0, 1.0))
    threshold = sign_threshold(*numbers, real_exponent=0)
    values = np.array([2, 3, 4])
    bits = (values < threshold.threshold) ^ threshold.flip
    # At 3 batch norm gives exactly 0, whose sign is +1 in both directions.
    assert bits.astype(int).tolist() == [bits_below, 0, bits_above]


def test_constant_threshold_gives_bits_zero() -> None:
    threshold = constant_threshold(1)
    assert not ((every_int16 < threshold.threshold) ^ threshold.flip).any()


def test_bounds_are_reached_by_the_worst_sources() -> None:
    weights = np.array([[[[3, -2]]], [[[-1, -1]]]], np.int8)
    low, high = total_bounds(weights, 0, 255)
    assert (low.tolist(), high.tolist()) == ([-510.0, -510.0], [765.0, 0.0])


def line(gain: float, bias: float, *, pivot: float = 0.0) -> Line:
    return Line(np.array([gain]), np.array([bias]), np.array([pivot]))


def test_requantize_takes_the_largest_shift_that_fits() -> None:
    bounds = np.array([-100.0]), np.array([100.0])
    found = requantize(line(1.5, 20.0), slopes=None, bounds=bounds)
    # 1.5 x 100 + 20.5 = 170.5 integers; 170.5 x 2**23 < 2**31 <= 170.5 x 2**24.
    assert found.shift == 23
    assert found.multiplier.tolist() == [3 << 22]
    assert found.offset.tolist() == [(20 << 23) + (1 << 22)]
    assert found.negative_multiplier is None


def test_slopes_become_the_negative_multiplier() -> None:
    bounds = np.array([-100.0]), np.array([100.0])
    found = requantize(line(1.5, 20.0), slopes=np.array([0.25]), bounds=bounds)
    assert found.negative_multiplier is not None
    assert found.negative_offset is not None
    assert found.negative_multiplier.tolist() == [3 << 20]
    assert found.negative_offset.tolist() == [(5 << 23) + (1 << 22)]


def test_rounded_multiplier_is_exact_at_the_pivot() -> None:
    bounds = np.array([0.0]), np.array([2.0**24])
    found = requantize(line(0.013, 7.0, pivot=9e6), slopes=None, bounds=bounds)
    # The multiplier has only a few bits: far from the pivot it is off, there it is not.
    assert found.multiplier.item() < 128
    total = 9_000_000
    assert (total * found.multiplier.item() + found.offset.item()) >> found.shift == 7


@pytest.mark.parametrize(("gain", "bias"), [(2.0**20, 0.0), (0.0, 2.0**28)])
def test_too_large_numbers_are_refused(gain: float, bias: float) -> None:
    bounds = np.array([-1000.0]), np.array([1000.0])
    with pytest.raises(SpaceError, match="need a shift below 4; train with weight decay"):
        requantize(line(gain, bias), slopes=None, bounds=bounds)


def test_dense_weights_have_one_scale() -> None:
    integers, scale = quantized(np.array([[2.54, -1.27], [0.013, 0.0]]))
    assert integers.tolist() == [[127, -64], [1, 0]]
    assert scale == pytest.approx(0.02)


def test_weights_that_are_not_finite_are_refused() -> None:
    with pytest.raises(SpaceError, match="not finite"):
        quantized(np.array([1.0, np.inf]))
