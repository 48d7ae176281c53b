"""Frozen networks with random integers: as fast as trained ones, and harder on the arithmetic."""

import numpy as np
from numpy.typing import NDArray

from .blocks import BinaryConv, Block, Classifier, Conv, Pool, Sum
from .frozen import FrozenBlock, FrozenClassifier, FrozenNetwork, Requantize, Threshold
from .graph import BlockGraph


def random_frozen(graph: BlockGraph, rng: np.random.Generator) -> FrozenNetwork:
    """Integers that freezing could have given: mixed signs, some channels saturated or constant."""
    blocks = {node.name: _random_block(node.block, rng) for node in graph}
    return FrozenNetwork(graph, blocks, real_exponent=8, logit_scale=2.0**-12)


def _random_block(block: Block, rng: np.random.Generator) -> FrozenBlock:
    if isinstance(block, Classifier):
        return FrozenBlock(classifier=_random_classifier(block, rng))
    signs = block.epilogue.inner_signs, block.epilogue.outer_signs
    inner_signs, outer_signs = (
        tuple(_random_threshold(block.out_channels, rng) for _ in range(count)) for count in signs
    )
    if isinstance(block, Sum | Pool):
        return FrozenBlock(inner_signs=inner_signs, outer_signs=outer_signs)
    return FrozenBlock(
        weights=_random_weights(block, rng),
        requantize=_random_requantize(block, rng),
        inner_signs=inner_signs,
        outer_signs=outer_signs,
        input_shift=int(rng.integers(0, 9)) if isinstance(block, Conv) and not block.image else 0,
    )


def _random_classifier(block: Classifier, rng: np.random.Generator) -> FrozenClassifier:
    weights = rng.integers(-128, 128, (block.classes, sum(block.in_channels)), dtype=np.int8)
    bias = rng.integers(-(2**20), 2**20, block.classes, dtype=np.int32)
    return FrozenClassifier(weights, bias, feature_shift=int(rng.integers(0, 8)))


def _random_threshold(channels: int, rng: np.random.Generator) -> Threshold:
    """Thresholds amid the values; about one channel in six is constant."""
    threshold = rng.normal(0, 2000, channels).round().clip(-32768, 32767)
    threshold[rng.random(channels) < 1 / 6] = -32768
    return Threshold(threshold.astype(np.int16), rng.random(channels) < 0.5)


def _random_weights(block: BinaryConv | Conv, rng: np.random.Generator) -> NDArray[np.int8]:
    reads = sum(block.in_channels) if isinstance(block, BinaryConv) else block.in_channels
    shape = (block.out_channels, reads, block.kernel_size, block.kernel_size)
    if isinstance(block, BinaryConv):
        return rng.choice(np.array([-1, 1], np.int8), shape)
    return rng.integers(-128, 128, shape, dtype=np.int8)


def _random_requantize(block: BinaryConv | Conv, rng: np.random.Generator) -> Requantize:
    """Multipliers that spread most channels over a few thousand and saturate some."""
    largest = 1 if isinstance(block, BinaryConv) else 128 * (255 if block.image else 128)
    bound = block.reduction * largest
    shift = int(rng.integers(4, 13))
    typical = (2000 << shift) / (block.reduction**0.5 * largest)
    channels = block.out_channels
    multiplier = _random_multiplier(channels, rng, typical=typical, limit=2**30 // bound)
    offset = rng.integers(-2000, 2001, channels) * (1 << shift) + (1 << shift >> 1)
    if block.epilogue.activation == "none":
        return Requantize(multiplier, offset.astype(np.int32), None, None, shift)
    if block.epilogue.activation == "relu":
        half = np.full(channels, 1 << shift >> 1, np.int32)
        zero = np.zeros(channels, np.int32)
        return Requantize(multiplier, offset.astype(np.int32), zero, half, shift)
    # A slope may be negative or above 1: the formulas allow any second multiplier.
    negative = _random_multiplier(channels, rng, typical=typical / 4, limit=2**30 // bound)
    negative_offset = rng.integers(-500, 501, channels) * (1 << shift) + (1 << shift >> 1)
    return Requantize(
        multiplier, offset.astype(np.int32), negative, negative_offset.astype(np.int32), shift
    )


def _random_multiplier(
    channels: int, rng: np.random.Generator, *, typical: float, limit: int
) -> NDArray[np.int32]:
    multiplier = rng.normal(0, typical, channels)
    multiplier[rng.random(channels) < 1 / 6] *= 50
    return multiplier.round().clip(-limit, limit).astype(np.int32)
