"""What a frozen network computes, in plain numpy.

The interpreter follows the formulas of space/frozen.py word by word and slowly; everything that
computes a frozen network is compared with it. Tensors are int64 [images, size, size, channels];
a sign is +1 or -1; the logits are [images, classes].
"""

import numpy as np
from numpy.typing import NDArray

from space.blocks import BinaryConv, Block, Classifier, Conv, MaxPool, Pool
from space.frozen import (
    FrozenBlock,
    FrozenClassifier,
    FrozenNetwork,
    Threshold,
)
from space.graph import IMAGE_VALUE, BlockGraph, Node, Value

Ints = NDArray[np.int64]

# Below every int16: what a max pool is padded with.
_NEVER_WINS = -(2**40)


def oracle_values(frozen: FrozenNetwork, images: NDArray[np.uint8]) -> dict[Value, Ints]:
    """Every value of the network for uint8 images [images, size, size, channels]."""
    values: dict[Value, Ints] = {IMAGE_VALUE: images.astype(np.int64)}
    for node in frozen.graph:
        block = frozen.blocks[node.name]
        sources = [values[value] for value in node.inputs.sources]
        if isinstance(node.block, Classifier):
            assert block.classifier is not None
            values[Value(node.name, "logits")] = _logits(block.classifier, sources)
        else:
            operated = _operated(node.block, block, sources)
            values |= _epilogue(node, block, operated, values)
    return values


def oracle_logits(frozen: FrozenNetwork, images: NDArray[np.uint8]) -> Ints:
    """The logits [images, classes]."""
    return oracle_values(frozen, images)[Value(frozen.graph.output.name, "logits")]


def _operated(block: Block, frozen: FrozenBlock, sources: list[Ints]) -> Ints | None:
    """What the operator adds to the inner value, before shortcuts and clamp; None for a Sum."""
    match block:
        case BinaryConv():
            padded = _padded(np.concatenate(sources, axis=-1), block.kernel_size // 2, value=1)
            return _requantized(frozen, _convolved(padded, frozen, block.stride))
        case Conv():
            source = sources[0]
            if not block.image:
                half = (1 << frozen.input_shift) >> 1
                source = np.clip((source + half) >> frozen.input_shift, -128, 127)
            padded = _padded(source, block.kernel_size // 2, value=0)
            values = _requantized(frozen, _convolved(padded, frozen, block.stride))
            if block.max_pool is None:
                return values
            return _max_pooled(block.max_pool, _int16(values))
        case Pool():
            return _pooled(block, sources[0])
    return None


def _padded(tensor: Ints, border: int, *, value: int) -> Ints:
    width = ((0, 0), (border, border), (border, border), (0, 0))
    return np.pad(tensor, width, constant_values=value)


def _windows(tensor: Ints, kernel_size: int, stride: int) -> Ints:
    """[images, out, out, channels, k, k]: what each output pixel sees."""
    window = (kernel_size, kernel_size)
    return np.lib.stride_tricks.sliding_window_view(tensor, window, axis=(1, 2))[
        :, ::stride, ::stride
    ]


def _convolved(padded: Ints, frozen: FrozenBlock, stride: int) -> Ints:
    assert frozen.weights is not None
    weights = frozen.weights.astype(np.int64)
    total: Ints = np.einsum(
        "nhwcij,ocij->nhwo", _windows(padded, weights.shape[-1], stride), weights
    )
    return total


def _requantized(frozen: FrozenBlock, total: Ints) -> Ints:
    requantize = frozen.requantize
    assert requantize is not None
    scaled = total * requantize.multiplier.astype(np.int64) + requantize.offset
    if requantize.negative_multiplier is not None:
        assert requantize.negative_offset is not None
        negative = total * requantize.negative_multiplier.astype(np.int64)
        scaled = np.where(scaled < 0, negative + requantize.negative_offset, scaled)
    assert np.abs(scaled).max() < 2**31
    return scaled >> requantize.shift


def _max_pooled(window: MaxPool | Pool, source: Ints) -> Ints:
    padded = _padded(source, window.kernel_size // 2, value=_NEVER_WINS)
    pooled: Ints = _windows(padded, window.kernel_size, window.stride).max(axis=(-2, -1))
    return pooled


def _pooled(block: Pool, source: Ints) -> Ints:
    if block.kind == "average":
        count = block.kernel_size**2
        total = _windows(source, block.kernel_size, block.stride).sum(axis=(-2, -1))
        pooled = (2 * total + count) // (2 * count)
    else:
        pooled = _max_pooled(block, source)
    out = np.zeros((*pooled.shape[:3], block.out_channels), np.int64)
    for channel in range(block.out_channels):
        if channel % block.period < block.in_channels:
            out[..., channel] = pooled[..., channel % block.period]
    return out


def _epilogue(
    node: Node, frozen: FrozenBlock, operated: Ints | None, values: dict[Value, Ints]
) -> dict[Value, Ints]:
    assert not isinstance(node.block, Classifier)
    terms = [] if operated is None else [operated]
    inner = _int16(np.sum([*terms, *(values[value] for value in node.inputs.shortcuts)], axis=0))
    written = {"inner": inner} | _signs("inner", frozen.inner_signs, inner)
    if node.inputs.outer is not None:
        outer = _int16(inner + values[node.inputs.outer])
        written |= {"outer": outer} | _signs("outer", frozen.outer_signs, outer)
    return {Value(node.name, port): written[port] for port in node.block.epilogue.ports}


def _int16(values: Ints) -> Ints:
    return np.clip(values, -32768, 32767)


def _signs(prefix: str, thresholds: tuple[Threshold, ...], value: Ints) -> dict[str, Ints]:
    return {
        f"{prefix}_sign{index}": np.where((value < threshold.threshold) ^ threshold.flip, -1, 1)
        for index, threshold in enumerate(thresholds)
    }


def _logits(classifier: FrozenClassifier, sources: list[Ints]) -> Ints:
    total = np.concatenate(sources, axis=-1).sum(axis=(1, 2))
    divisor = (sources[0].shape[1] * sources[0].shape[2]) << classifier.feature_shift
    features = (2 * total + divisor) // (2 * divisor)
    logits: Ints = features @ classifier.weights.astype(np.int64).T + classifier.bias
    assert np.abs(logits).max() < 2**31
    return logits


def random_images(graph: BlockGraph, rng: np.random.Generator, *, count: int) -> NDArray[np.uint8]:
    """Images with every pixel value, [count, size, size, channels]."""
    shape = (count, graph.image_size, graph.image_size, graph.image_channels)
    return rng.integers(0, 256, shape, dtype=np.uint8)
