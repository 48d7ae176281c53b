"""The constant arguments of kernels, from a block's integers in the layouts that kernels read."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from space.blocks import BinaryConv, Block, Classifier, Conv
from space.frozen import FrozenBlock, FrozenClassifier, Requantize, Threshold

from . import layouts
from .errors import TargetError
from .kernel_specs import (
    KernelSpec,
    arguments,
    byte_offset,
    signs_compare_counts,
    threshold_dtype,
)
from .pair_table import counts_by_table, pair_table
from .vector_unit import VectorUnit

Constants = dict[str, NDArray[np.generic]]


def constants(spec: KernelSpec, frozen: FrozenBlock, unit: VectorUnit) -> Constants:
    """The spec's constant arguments by name, in the kernel's layouts, from a block's integers.

    Raises TargetError where integers that the block needs are missing or of another shape.
    """
    found = _constant_values(spec.block, frozen, unit)
    for argument in arguments(spec, unit):
        if argument.role == "constant" and (
            argument.name not in found or found[argument.name].shape != argument.shape
        ):
            raise TargetError(
                f"{spec.key}: frozen integers give no {argument.name} of shape {argument.shape}; "
                f"freeze the network that this block is part of"
            )
    return {name: np.ascontiguousarray(array) for name, array in found.items()}


def _constant_values(block: Block, frozen: FrozenBlock, unit: VectorUnit) -> Constants:
    if isinstance(block, Classifier):
        return {} if frozen.classifier is None else _classifier_values(block, frozen.classifier)
    found: Constants = {}
    if isinstance(block, BinaryConv | Conv):
        if frozen.weights is None or frozen.requantize is None:
            return {}
        found |= _weights_values(block, frozen.weights, unit)
        if signs_compare_counts(block):
            return found | _count_signs(block, frozen.inner_signs, frozen.requantize, unit)
        found |= _requantize_values(block, frozen.weights, frozen.requantize, unit)
    if isinstance(block, Conv) and not block.image:
        found["input_shift"] = np.array([frozen.input_shift], np.int32)
    for name, signs in (("inner", frozen.inner_signs), ("outer", frozen.outer_signs)):
        for i, sign in enumerate(signs):
            found |= _sign_values(f"{name}_sign{i}", sign.threshold, sign.flip)
    return found


def _classifier_values(block: Classifier, frozen: FrozenClassifier) -> Constants:
    classes = layouts.padded_channels(block.classes)
    return {
        "weights": layouts.classifier_weights(frozen.weights, block.in_channels).ravel(),
        "bias": layouts.pad_last(frozen.bias.astype(np.int32), classes),
        "feature_shift": np.array([frozen.feature_shift], np.int32),
    }


def _weights_values(
    block: BinaryConv | Conv, weights: NDArray[np.int8], unit: VectorUnit
) -> Constants:
    if isinstance(block, Conv):
        return {"weights": layouts.conv_weights(weights)}
    if not counts_by_table(block, unit):
        return {"weights": layouts.binary_weights(weights, block.in_channels)}
    return {
        "weights": layouts.nibble_weights(weights, block.in_channels),
        "table": pair_table(),
    }


def _count_signs(
    block: BinaryConv, signs: Sequence[Threshold], requantize: Requantize, unit: VectorUnit
) -> Constants:
    found: Constants = {}
    for i, sign in enumerate(signs):
        threshold, flip = count_threshold(sign, requantize, terms=block.reduction)
        narrow = threshold.astype(threshold_dtype(block, unit))
        found |= _sign_values(f"inner_sign{i}", narrow, flip)
    return found


def count_threshold(
    sign: Threshold, requantize: Requantize, *, terms: int
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return threshold and flip on the number of differing bits that give the same sign.

    terms: of the sum, which is terms - 2 * count. The bits over all counts are those of a monotonic
    function: one value up to some count, the other value from there on.
    """
    totals = terms - 2 * np.arange(terms + 1, dtype=np.int64)[:, None]
    values = totals * requantize.multiplier.astype(np.int64) + requantize.offset
    limits = np.iinfo(np.int16)
    below = np.clip(values >> requantize.shift, limits.min, limits.max) < sign.threshold
    # Where the first count's bit is not set, the comparison is turned round.
    first = below[0]
    return (below == first).sum(axis=0).astype(np.int32), sign.flip ^ ~first


def _requantize_values(
    block: BinaryConv | Conv, weights: NDArray[np.int8], requantize: Requantize, unit: VectorUnit
) -> Constants:
    """Multipliers of what the kernel counts instead of `total`: total = a * n + b."""
    sums: NDArray[np.int64] = np.sum(weights, axis=(1, 2, 3), dtype=np.int64)
    if isinstance(block, BinaryConv):
        a, b = -2, np.full_like(sums, block.reduction)
    else:
        a, b = 1, -byte_offset(block, unit) * sums
    found: Constants = {"shift": np.array([requantize.shift], np.int32)}
    found |= _affine("", requantize.multiplier, requantize.offset, a=a, b=b)
    if requantize.negative_multiplier is not None and requantize.negative_offset is not None:
        negative = (requantize.negative_multiplier, requantize.negative_offset)
        found |= _affine("negative_", *negative, a=a, b=b)
    return found


def _affine(
    prefix: str, multiplier: NDArray[np.int32], offset: NDArray[np.int32], *, a: int,
    b: NDArray[np.int64],
) -> Constants:  # fmt: skip
    """(a * n + b) * multiplier + offset as n * multiplier' + offset', modulo 2**32.

    Kernels compute it modulo 2**32 too, which is exact because the result fits int32.
    """
    channels = layouts.padded_channels(len(multiplier))
    wide = multiplier.astype(np.int64)
    pairs = {"multiplier": a * wide, "offset": b * wide + offset}
    return {
        f"{prefix}{name}": layouts.pad_last(
            (value % 2**32).astype(np.uint32).view(np.int32), channels
        )
        for name, value in pairs.items()
    }


def _sign_values(
    port: str, threshold: NDArray[np.signedinteger], flip: NDArray[np.bool_]
) -> Constants:
    channels = layouts.padded_channels(len(threshold))
    # No value is below it: padding bits are 0.
    lowest = int(np.iinfo(threshold.dtype).min)
    return {
        f"{port}_threshold": layouts.pad_last(threshold, channels, value=lowest),
        f"{port}_flip": layouts.pack_bits(flip),
    }
