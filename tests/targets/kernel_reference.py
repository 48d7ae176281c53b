"""What one kernel must compute, in plain numpy, and random integers to compute it with.

The formulas are those of space/frozen.py, in int64. Tensors are [size, size, channels]; a sign
tensor holds the bits as bool (True is -1).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from space.blocks import BinaryConv, Block, Classifier, Conv, MaxPool, Pool, Sum, ports
from space.frozen import FrozenBlock, FrozenClassifier, Requantize, Threshold

Ints = NDArray[np.int64]
LOW, HIGH = -(2**15), 2**15 - 1


@dataclass(frozen=True)
class Case:
    """A block with its integers and inputs: sources, then shortcuts, then the outer shortcut."""

    block: Block
    frozen: FrozenBlock
    inputs: tuple[Ints, ...]


def random_case(block: Block, rng: np.random.Generator) -> Case:
    """Integers that saturate, shift, flip and stay constant somewhere."""
    frozen, channels = FrozenBlock(), block.out_channels
    if isinstance(block, Classifier):
        features = sum(block.in_channels)
        frozen = FrozenBlock(
            classifier=FrozenClassifier(
                rng.integers(-128, 128, (block.classes, features)).astype(np.int8),
                rng.integers(-(2**20), 2**20, block.classes).astype(np.int32),
                feature_shift=int(rng.integers(0, 9)),
            )
        )
        return Case(block, frozen, _sources(block, rng))
    if isinstance(block, BinaryConv | Conv):
        weights = _weights(block, rng)
        frozen = FrozenBlock(
            weights=weights, requantize=_requantize(block, weights, rng), input_shift=7
        )
    inner = tuple(_threshold(channels, rng) for _ in range(block.epilogue.inner_signs))
    outer = tuple(_threshold(channels, rng) for _ in range(block.epilogue.outer_signs))
    frozen = FrozenBlock(
        frozen.weights, frozen.requantize, inner, outer, input_shift=frozen.input_shift
    )
    added = block.epilogue.shortcuts + int(block.epilogue.outer)
    shape = (block.out_size, block.out_size, channels)
    return Case(
        block, frozen, _sources(block, rng) + tuple(_real(shape, rng) for _ in range(added))
    )


def _real(shape: tuple[int, ...], rng: np.random.Generator) -> Ints:
    """int16 values, a tenth of them at the limits."""
    limits = rng.choice([LOW, HIGH], shape)
    return np.where(rng.random(shape) < 0.1, limits, rng.integers(LOW, HIGH + 1, shape))


def _sources(block: Block, rng: np.random.Generator) -> tuple[Ints, ...]:
    if isinstance(block, Sum):
        return ()
    channels = block.in_channels if isinstance(block.in_channels, tuple) else (block.in_channels,)
    shapes = [(block.in_size, block.in_size, each) for each in channels]
    if isinstance(block, BinaryConv):
        return tuple(rng.integers(0, 2, shape) for shape in shapes)
    if isinstance(block, Conv) and block.image:
        return tuple(rng.integers(0, 256, shape) for shape in shapes)
    return tuple(_real(shape, rng) for shape in shapes)


def _weights(block: BinaryConv | Conv, rng: np.random.Generator) -> NDArray[np.int8]:
    channels = sum(block.in_channels) if isinstance(block, BinaryConv) else block.in_channels
    shape = (block.out_channels, channels, block.kernel_size, block.kernel_size)
    if isinstance(block, BinaryConv):
        return rng.choice([-1, 1], shape).astype(np.int8)
    return rng.integers(-128, 128, shape).astype(np.int8)


def _requantize(
    block: BinaryConv | Conv, weights: NDArray[np.int8], rng: np.random.Generator
) -> Requantize:
    """Multipliers and offsets that nearly fill int32, some channels far too large for int16."""
    largest = np.abs(weights.astype(np.int64)).sum(axis=(1, 2, 3))
    largest = np.maximum(largest, 1) * (1 if isinstance(block, BinaryConv) else 255)
    room = np.minimum(2**30 // largest, 2**24)

    def drawn() -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        scale = rng.choice([0.001, 0.05, 1.0], len(room))
        multiplier = rng.integers(-room, room + 1) * scale
        return multiplier.astype(np.int32), rng.integers(-(2**29), 2**29, len(room)).astype(
            np.int32
        )

    positive, negative = drawn(), drawn()
    if block.epilogue.activation == "none":
        return Requantize(*positive, None, None, shift=int(rng.integers(4, 16)))
    if block.epilogue.activation == "relu":
        nothing = np.zeros_like(negative[0])
        return Requantize(*positive, nothing, nothing, shift=int(rng.integers(4, 16)))
    return Requantize(*positive, *negative, shift=int(rng.integers(4, 16)))


def _threshold(channels: int, rng: np.random.Generator) -> Threshold:
    """Thresholds of which some make a bit constant."""
    threshold = _real((channels,), rng).astype(np.int16)
    return Threshold(threshold, rng.random(channels) < 0.5)


def expected(case: Case) -> dict[str, Ints]:
    """Every port of the block; signs as 0 and 1."""
    block = case.block
    if isinstance(block, Classifier):
        return {"logits": _logits(case)}
    split = len(case.inputs) - block.epilogue.shortcuts - int(block.epilogue.outer)
    shortcuts = case.inputs[split : split + block.epilogue.shortcuts]
    terms = [*_operated(case, case.inputs[:split]), *shortcuts]
    inner = np.clip(np.sum(terms, axis=0), LOW, HIGH)
    found = {"inner": inner} | _signs("inner", case.frozen.inner_signs, inner)
    if block.epilogue.outer:
        outer = np.clip(inner + case.inputs[-1], LOW, HIGH)
        found |= {"outer": outer} | _signs("outer", case.frozen.outer_signs, outer)
    return {port: found[port] for port in ports(block)}


def _signs(name: str, signs: tuple[Threshold, ...], value: Ints) -> dict[str, Ints]:
    return {
        f"{name}_sign{i}": ((value < sign.threshold) ^ sign.flip).astype(np.int64)
        for i, sign in enumerate(signs)
    }


def _operated(case: Case, sources: tuple[Ints, ...]) -> list[Ints]:
    block = case.block
    match block:
        case BinaryConv():
            value = 1 - 2 * np.concatenate(sources, axis=-1)
            return [_requantized(case.frozen, _convolved(block, case.frozen, value, padding=1))]
        case Conv():
            value = sources[0]
            if not block.image:
                shift = case.frozen.input_shift
                value = np.clip((value + (1 << shift >> 1)) >> shift, -128, 127)
            value = _requantized(case.frozen, _convolved(block, case.frozen, value, padding=0))
            if block.max_pool is None:
                return [value]
            return [_max_pooled(block.max_pool, np.clip(value, LOW, HIGH))]
        case Pool():
            return [_pooled(block, sources[0])]
    return []


def _windows(value: Ints, kernel_size: int, stride: int) -> Ints:
    """[out, out, channels, k, k]"""
    windows = np.lib.stride_tricks.sliding_window_view(value, (kernel_size, kernel_size), (0, 1))
    return windows[::stride, ::stride]


def _padded(value: Ints, border: int, padding: int) -> Ints:
    return np.pad(value, [(border, border)] * 2 + [(0, 0)], constant_values=padding)


def _convolved(block: BinaryConv | Conv, frozen: FrozenBlock, value: Ints, *, padding: int) -> Ints:
    assert frozen.weights is not None
    windows = _windows(
        _padded(value, block.kernel_size // 2, padding), block.kernel_size, block.stride
    )
    total: Ints = np.einsum("yxcij,ocij->yxo", windows, frozen.weights.astype(np.int64))
    return total


def _requantized(frozen: FrozenBlock, total: Ints) -> Ints:
    assert frozen.requantize is not None
    numbers = frozen.requantize
    value = total * numbers.multiplier.astype(np.int64) + numbers.offset
    if numbers.negative_multiplier is not None:
        assert numbers.negative_offset is not None
        negative = total * numbers.negative_multiplier.astype(np.int64) + numbers.negative_offset
        value = np.where(value < 0, negative, value)
    assert np.abs(value).max() < 2**31
    return value >> numbers.shift


def _max_pooled(window: MaxPool | Pool, source: Ints) -> Ints:
    padded = _padded(source, window.kernel_size // 2, LOW)
    pooled: Ints = _windows(padded, window.kernel_size, window.stride).max(axis=(-2, -1))
    return pooled


def _pooled(block: Pool, source: Ints) -> Ints:
    if block.kind == "max":
        pooled = _max_pooled(block, source)
    else:
        count = block.kernel_size**2
        total = _windows(source, block.kernel_size, block.stride).sum(axis=(-2, -1))
        pooled = (2 * total + count) // (2 * count)
    found = np.zeros((*pooled.shape[:2], block.out_channels), np.int64)
    for channel in range(block.out_channels):
        if channel % block.period < block.in_channels:
            found[..., channel] = pooled[..., channel % block.period]
    return found


def _logits(case: Case) -> Ints:
    frozen = case.frozen.classifier
    assert frozen is not None
    total = np.concatenate(case.inputs, axis=-1).sum(axis=(0, 1))
    divisor = case.inputs[0].shape[0] ** 2 << frozen.feature_shift
    features = (2 * total + divisor) // (2 * divisor)
    logits: Ints = frozen.weights.astype(np.int64) @ features + frozen.bias
    return logits
