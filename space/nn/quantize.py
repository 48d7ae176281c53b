"""Integers in place of scales, batch norms and signs; the arithmetic is that of space/frozen.py."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from space.errors import SpaceError
from space.frozen import Requantize, Threshold

from .binarize import INT8_MAX

Floats = NDArray[np.float64]

INT16_MIN, INT16_MAX = -(2**15), 2**15 - 1
INT32_END = 2**31
MIN_SHIFT, MAX_SHIFT = 4, 30


def quantized(weights: Floats) -> tuple[NDArray[np.int8], float]:
    """int8 weights and their one scale: weights are about integers * scale.

    Raises SpaceError where weights are not finite.
    """
    if not np.isfinite(weights).all():
        raise SpaceError("weights are not finite; train again with a smaller learning rate")
    scale = float(np.abs(weights).max()) / INT8_MAX or 1.0
    return np.rint(weights / scale).astype(np.int8), scale


def total_bounds(weights: NDArray[np.int8], low: int, high: int) -> tuple[Floats, Floats]:
    """The least and greatest sum of weight * source per output channel, sources in low..high."""
    flat = weights.reshape(len(weights), -1).astype(np.float64)
    ends = np.stack([flat * low, flat * high])
    return ends.min(axis=0).sum(axis=1), ends.max(axis=0).sum(axis=1)


@dataclass(frozen=True, slots=True)
class Line:
    """gain * (total - pivot) + bias, per channel; the pivot is a total in the midst of all."""

    gain: Floats
    bias: Floats
    pivot: Floats

    def integers(self, shift: int) -> tuple[Floats, Floats]:
        """Multiplier and offset, in steps of 2**-shift; the offset holds the rounding half.

        The offset makes up for the multiplier's rounding at the pivot. Without that, the large
        totals of bright images would move the result by several integers.
        """
        unit = 2.0**shift
        multiplier = np.rint(self.gain * unit)
        return multiplier, np.rint(self.bias * unit - multiplier * self.pivot) + unit / 2


def requantize(line: Line, *, slopes: Floats | None, bounds: tuple[Floats, Floats]) -> Requantize:
    """Integers for the line, times slopes where it is negative.

    The shift is the largest at which every total within the bounds keeps every product and sum
    below 2**31. Raises SpaceError where that is less than 4.
    """
    lines = [line]
    if slopes is not None:
        lines.append(Line(line.gain * slopes, line.bias * slopes, line.pivot))
    for shift in range(MAX_SHIFT, MIN_SHIFT - 1, -1):
        pairs = [each.integers(shift) for each in lines]
        if all(_fits_int32(pair, bounds) for pair in pairs):
            integers = [part.astype(np.int32) for pair in pairs for part in pair]
            multiplier, offset, *rest = integers
            negative_multiplier, negative_offset = rest or (None, None)
            return Requantize(multiplier, offset, negative_multiplier, negative_offset, shift)
    raise SpaceError(
        f"a gain of {np.abs(line.gain).max():g} and a bias of {np.abs(line.bias).max():g} integers "
        f"need a shift below {MIN_SHIFT}; train with weight decay on the batch norms"
    )


def _fits_int32(pair: tuple[Floats, Floats], bounds: tuple[Floats, Floats]) -> bool:
    multiplier, offset = pair
    products = [multiplier * bound for bound in bounds]
    reached = [multiplier, offset, *products, *(product + offset for product in products)]
    return all(bool((np.abs(values) < INT32_END).all()) for values in reached)


def sign_threshold(
    gain: Floats, bias: Floats, mean: Floats, std: Floats, *, real_exponent: int
) -> Threshold:
    """The integers q that (q * 2**-real_exponent - mean) / std * gain + bias makes negative.

    Exact: float64 decides for the integers next to the threshold, found by bisection; rounding
    keeps the expression monotonic in q.
    """

    def positive(q: NDArray[np.int64]) -> NDArray[np.bool_]:
        value = (q * 2.0**-real_exponent - mean) / std * gain + bias
        return np.asarray(value >= 0)

    rising = gain >= 0
    # Lowest q at which the sign is what it is at the upper end: +1 if rising, -1 if falling.
    low = np.full(gain.shape, INT16_MIN - 1, np.int64)
    high = np.full(gain.shape, INT16_MAX + 1, np.int64)
    while (high - low > 1).any():
        middle = (low + high) // 2
        # Where the interval is narrow already, the middle is its lower end: keep that.
        reached = (positive(middle) == rising) & (middle > low)
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    # int16 has no threshold above its end: "never reached" is the other sign from its start on.
    never = high > INT16_MAX
    threshold = np.where(never, INT16_MIN, high).astype(np.int16)
    return Threshold(threshold, ~rising ^ never)


def constant_threshold(channels: int) -> Threshold:
    """Bits 0 for every value: what a sign that nothing reads is frozen to."""
    return Threshold(np.full(channels, INT16_MIN, np.int16), np.zeros(channels, np.bool_))
