"""The frozen network: integers only, the form that every reader computes exactly.

Arithmetic (all int32, one clamp to int16 at the end of a value):

    total = sum of weight * source                    (binary: K - 2 * popcount)
    t     = total * multiplier[c] + offset[c]         (offset holds the rounding half)
    t     = total * negative_multiplier[c] + negative_offset[c]     where t < 0, if activated
    s     = t >> shift
    s     = the largest clamp(s, -32768, 32767) of a window         where the block has a max pool
    inner = clamp(s + shortcut_1 + ... + shortcut_n, -32768, 32767)
    outer = clamp(inner + outer shortcut, -32768, 32767)
    bit   = (value < threshold[c]) xor flip[c]        (bit 1 is -1)

Freezing guarantees that no int32 overflows: |t| < 2**31 for every possible total, and shift >= 4.
A real tensor holds round(value * 2**real_exponent). An average pool is (sum + n // 2) >> log2(n)
where its window n is a power of two, else floor((2 * sum + n) / (2 * n)); both are the same number.
The classifier computes feature = floor((2 * sum + d) / (2 * d)) with d = pixels << feature_shift,
then logits = weights @ features + bias.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import SpaceError
from .graph import BlockGraph

# Of input_shift and feature_shift: a larger one leaves nothing of an int16.
MAX_INT16_SHIFT = 15


@dataclass(frozen=True, eq=False, slots=True)
class Requantize:
    """Scale, bias and activation per output channel c, as integers; see the module's formulas."""

    multiplier: NDArray[np.int32]
    offset: NDArray[np.int32]
    negative_multiplier: NDArray[np.int32] | None
    negative_offset: NDArray[np.int32] | None
    shift: int


@dataclass(frozen=True, eq=False, slots=True)
class Threshold:
    """A batch norm and a sign: bit = (value < threshold) xor flip, per channel."""

    threshold: NDArray[np.int16]
    flip: NDArray[np.bool_]


@dataclass(frozen=True, eq=False, slots=True)
class FrozenClassifier:
    """int8 weights [classes, channels], int32 bias [classes], right shift of the features."""

    weights: NDArray[np.int8]
    bias: NDArray[np.int32]
    feature_shift: int


@dataclass(frozen=True, eq=False, slots=True)
class FrozenBlock:
    """The integers of one block; None or empty where its kind has none.

    weights: int8 [out, in, k, k]; +1 or -1 in a binary convolution, whose `in` axis concatenates
    its sources. input_shift: a Conv over a real tensor reads
    clamp((value + (1 << input_shift >> 1)) >> input_shift, -128, 127).
    """

    weights: NDArray[np.int8] | None = None
    requantize: Requantize | None = None
    inner_signs: tuple[Threshold, ...] = ()
    outer_signs: tuple[Threshold, ...] = ()
    input_shift: int = 0
    classifier: FrozenClassifier | None = None


@dataclass(frozen=True, eq=False)
class FrozenNetwork:
    """A graph with the integers of each block, by node name.

    logit_scale: real logits = integer logits * logit_scale.
    """

    graph: BlockGraph
    blocks: dict[str, FrozenBlock]
    real_exponent: int
    logit_scale: float


def check_scalars(frozen: FrozenNetwork) -> None:
    """Raise SpaceError where a shift or the scale is one that no formula is exact with."""
    if not 0 < frozen.logit_scale < math.inf:
        raise SpaceError(f"logit_scale {frozen.logit_scale} must be above 0; freeze again")
    for name, block in frozen.blocks.items():
        if block.requantize is not None:
            _check_shift(f"shifts: {name}:", block.requantize.shift, 4, 31)
            _check_shift(f"input_shifts: {name}:", block.input_shift, 0, MAX_INT16_SHIFT)
        if block.classifier is not None:
            _check_shift("feature_shift", block.classifier.feature_shift, 0, MAX_INT16_SHIFT)


def _check_shift(name: str, shift: int, least: int, most: int) -> None:
    if not least <= shift <= most:
        raise SpaceError(f"{name} {shift} must be {least} to {most}; freeze again")
