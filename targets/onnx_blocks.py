"""The blocks of a frozen network as ONNX nodes that compute its integers exactly.

Real tensors and signs (+1, -1) are float32 [images, channels, size, size], exact below 2**24. What
may grow beyond that - scaled sums, sums of shortcuts, classifier - is double, exact below 2**53;
there a floor of a correctly rounded quotient is the floor of the true one, and multiplying by
2**-shift is exact.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from space.blocks import BinaryConv, Classifier, Conv, MaxPool, Pool, Sum
from space.frozen import FrozenBlock, FrozenClassifier, Requantize, Threshold
from space.graph import Node

from .onnx_part import LOGITS, Part, tensor_name

QONNX_DOMAIN = "qonnx.custom_op.general"
_EXACT_FLOAT32 = 2**24


def block_part(node: Node, frozen: FrozenBlock) -> Part:
    """The part of one node of the graph. It reads and writes tensors called as tensor_name says."""
    part, block = Part(node.name), node.block
    sources = [tensor_name(value) for value in node.inputs.sources]
    match block:
        case Classifier():
            assert frozen.classifier is not None
            _classify(part, block, frozen.classifier, _joined(part, sources))
        case BinaryConv():
            _epilogue(part, node, frozen, _binary_conv(part, block, frozen, sources))
        case Conv():
            _epilogue(part, node, frozen, _conv(part, block, frozen, sources[0]))
        case Pool():
            pool = _average_pool if block.kind == "average" else _max_pool
            pooled = _duplicated(part, block, pool(part, block, sources[0]))
            _epilogue(part, node, frozen, pooled)
        case Sum():
            _epilogue(part, node, frozen, None)
    return part


def _joined(part: Part, sources: Sequence[str]) -> str:
    if len(sources) == 1:
        return sources[0]
    return part.apply("Concat", sources, "concatenated", attributes={"axis": 1})


def _per_channel(values: NDArray[np.generic], dtype: type[np.floating]) -> NDArray[np.generic]:
    return values.astype(dtype)[:, None, None]


def _bipolar(part: Part, tensor: str, output: str) -> str:
    """+1 where the tensor is >= 0, else -1."""
    scale = part.scalar("one", 1)
    return part.apply("BipolarQuant", [tensor, scale], output, domain=QONNX_DOMAIN)


def _binary_conv(part: Part, block: BinaryConv, frozen: FrozenBlock, sources: Sequence[str]) -> str:
    assert frozen.weights is not None
    assert frozen.requantize is not None
    stored = part.cast(
        part.constant("weights", frozen.weights), "real_weights", to=TensorProto.FLOAT
    )
    weights = _bipolar(part, stored, "binary_weights")
    source, border = _joined(part, sources), block.kernel_size // 2
    if border:
        pads = part.constant("pads", np.array([0, 0, border, border] * 2))
        source = part.apply("Pad", [source, pads, part.scalar("one", 1)], "padded")
    total = _convolved(part, block, (source, weights), "total", border=0)
    return _requantized(part, frozen.requantize, part.cast(total, "wide", to=TensorProto.DOUBLE))


def _convolved(
    part: Part, block: BinaryConv | Conv, inputs: tuple[str, str], output: str, *, border: int
) -> str:
    """A Conv with every attribute spelled out: some readers do not know the defaults."""
    attributes: dict[str, int | list[int]] = {
        "kernel_shape": [block.kernel_size] * 2,
        "strides": [block.stride] * 2,
        "pads": [border] * 4,
        "dilations": [1, 1],
        "group": 1,
    }
    return part.apply("Conv", inputs, output, attributes=attributes)


def _conv(part: Part, block: Conv, frozen: FrozenBlock, source: str) -> str:
    """The scaled sums of a real convolution, over as few Convs as are exact in float32, pooled."""
    assert frozen.weights is not None
    assert frozen.requantize is not None
    if not block.image:
        source = _int8(part, source, shift=frozen.input_shift)
    totals = []
    largest = 255 if block.image else 128
    for index, weights in enumerate(exact_parts(frozen.weights, largest)):
        stored = part.constant(f"weights{index}", weights)
        real = part.cast(stored, f"real_weights{index}", to=TensorProto.FLOAT)
        border = block.kernel_size // 2
        total = _convolved(part, block, (source, real), f"total{index}", border=border)
        totals.append(part.cast(total, f"wide{index}", to=TensorProto.DOUBLE))
    value = _requantized(part, frozen.requantize, part.apply("Sum", totals, "total"))
    if block.max_pool is None:
        return value
    stored = _int16(part, value, "stored", np.float64)
    return _max_pool(part, block.max_pool, part.cast(stored, "narrow", to=TensorProto.FLOAT))


def exact_parts(weights: NDArray[np.int8], largest: int) -> list[NDArray[np.int8]]:
    """Weights that add up to `weights`, each too few to sum to 2**24 over sources <= largest."""
    flat = weights.reshape(len(weights), -1)
    terms = np.abs(flat.astype(np.int64)).max(axis=0) * largest
    # A part begins where the running sum passes a multiple: it exceeds it by one term at most.
    part_of_term = terms.cumsum() // (_EXACT_FLOAT32 - 2**15)
    return [
        np.where(part_of_term == index, flat, np.int8(0)).reshape(weights.shape)
        for index in np.unique(part_of_term)
    ]


def _int8(part: Part, source: str, *, shift: int) -> str:
    """clamp((source + half) >> shift, -128, 127)"""
    half = part.scalar("input_half", 1 << shift >> 1)
    unit = part.scalar("input_unit", 2.0**-shift)
    low, high = (part.scalar(f"int8_{v}", v) for v in (-128, 127))
    moved = part.apply("Add", [source, half], "input_moved")
    scaled = part.apply("Mul", [moved, unit], "input_scaled")
    floored = part.apply("Floor", [scaled], "input_floored")
    return part.apply("Clip", [floored, low, high], "input")


def _requantized(part: Part, requantize: Requantize, total: str) -> str:
    scaled = _affine(part, total, "scaled", requantize.multiplier, requantize.offset)
    if requantize.negative_multiplier is not None and requantize.negative_offset is not None:
        negative = _affine(
            part, total, "negative", requantize.negative_multiplier, requantize.negative_offset
        )
        zero = part.scalar("zero", 0, np.float64)
        is_negative = part.apply("Less", [scaled, zero], "is_negative")
        scaled = part.apply("Where", [is_negative, negative, scaled], "activated")
    unit = part.scalar("unit", 2.0**-requantize.shift, np.float64)
    return part.apply("Floor", [part.apply("Mul", [scaled, unit], "unrounded")], "operated")


def _affine(
    part: Part, total: str, output: str, multiplier: NDArray[np.int32], offset: NDArray[np.int32]
) -> str:
    factors = part.constant(f"{output}_multiplier", _per_channel(multiplier, np.float64))
    offsets = part.constant(f"{output}_offset", _per_channel(offset, np.float64))
    return part.apply("Add", [part.apply("Mul", [total, factors], f"{output}_product"), offsets],
                      output)  # fmt: skip


def _average_pool(part: Part, block: Pool, source: str) -> str:
    size, window = block.out_size, block.kernel_size
    if size * window < block.in_size:
        ends = part.constant("ends", np.array([size * window] * 2))
        starts = part.constant("starts", np.array([0, 0]))
        axes = part.constant("cut_axes", np.array([2, 3]))
        source = part.apply("Slice", [source, starts, ends, axes], "cut")
    # 0 keeps the number of images.
    shape = part.constant("shape", np.array([0, block.in_channels, size, window, size, window]))
    windows = part.apply("Reshape", [source, shape], "windows")
    wide = part.cast(windows, "wide", to=TensorProto.DOUBLE)
    return _mean(part, wide, "pooled", axes=(3, 5), count=window**2)


def _max_pool(part: Part, window: MaxPool | Pool, source: str) -> str:
    attributes = {
        "kernel_shape": [window.kernel_size] * 2,
        "strides": [window.stride] * 2,
        "pads": [window.kernel_size // 2] * 4,
    }
    pooled = part.apply("MaxPool", [source], "pooled", attributes=attributes)
    return part.cast(pooled, "wide", to=TensorProto.DOUBLE)


def _mean(part: Part, tensor: str, output: str, *, axes: tuple[int, int], count: int) -> str:
    """floor((2 * sum + count) / (2 * count)) over two axes of a double tensor."""
    over = part.constant("axes", np.array(axes))
    total = part.apply("ReduceSum", [tensor, over], "total", attributes={"keepdims": 0})
    two, rounding, divisor = (
        part.scalar(name, number, np.float64)
        for name, number in (("two", 2), ("rounding", count), ("divisor", 2 * count))
    )
    moved = part.apply("Add", [part.apply("Mul", [total, two], "doubled"), rounding], "moved")
    return part.apply("Floor", [part.apply("Div", [moved, divisor], "quotient")], output)


def _duplicated(part: Part, block: Pool, pooled: str) -> str:
    """Output channel o: pooled channel o % period, or zero where there is none."""
    channels = np.arange(block.out_channels) % block.period
    if np.array_equal(channels, np.arange(block.in_channels)):
        return pooled
    if channels.max() >= block.in_channels:
        zero = part.scalar("zero", 0, np.float64)
        pads = part.constant("channel_pads", np.array([0, 0, 0, 0, 0, 1, 0, 0]))
        pooled = part.apply("Pad", [pooled, pads, zero], "with_zeros")
    indices = part.constant("channels", np.minimum(channels, block.in_channels))
    return part.apply("Gather", [pooled, indices], "duplicated", attributes={"axis": 1})


def _epilogue(part: Part, node: Node, frozen: FrozenBlock, operated: str | None) -> None:
    """Shortcuts, clamps and signs; `operated` is the operator's double tensor, None for a Sum."""
    terms = [] if operated is None else [operated]
    for index, value in enumerate(node.inputs.shortcuts):
        terms.append(part.cast(tensor_name(value), f"shortcut{index}", to=TensorProto.DOUBLE))
    added = part.apply("Sum", terms, "inner_sum")
    inner = part.cast(_int16(part, added, "clamped", np.float64), "inner", to=TensorProto.FLOAT)
    for index, threshold in enumerate(frozen.inner_signs):
        _sign(part, inner, f"inner_sign{index}", threshold)
    if node.inputs.outer is not None:
        both = part.apply("Add", [inner, tensor_name(node.inputs.outer)], "outer_sum")
        outer = _int16(part, both, "outer", np.float32)
        for index, threshold in enumerate(frozen.outer_signs):
            _sign(part, outer, f"outer_sign{index}", threshold)


def _int16(part: Part, tensor: str, output: str, dtype: type[np.floating]) -> str:
    low, high = (
        part.scalar(f"{output}_{name}", bound, dtype)
        for name, bound in (("low", -32768), ("high", 32767))
    )
    return part.apply("Clip", [tensor, low, high], output)


def _sign(part: Part, value: str, output: str, threshold: Threshold) -> None:
    """BipolarQuant of value - threshold, or where flipped of threshold - 1 - value."""
    bound = threshold.threshold.astype(np.int32)
    factor = np.where(threshold.flip, -1, 1)
    offset = np.where(threshold.flip, bound - 1, -bound)
    factors = part.constant(f"{output}_factor", _per_channel(factor, np.float32))
    offsets = part.constant(f"{output}_offset", _per_channel(offset, np.float32))
    turned = part.apply("Mul", [value, factors], f"{output}_turned")
    _bipolar(part, part.apply("Add", [turned, offsets], f"{output}_distance"), output)


def _classify(part: Part, block: Classifier, frozen: FrozenClassifier, source: str) -> None:
    wide = part.cast(source, "wide", to=TensorProto.DOUBLE)
    pixels = block.in_size**2
    features = _mean(part, wide, "features", axes=(2, 3), count=pixels << frozen.feature_shift)
    stored = part.constant("weights", np.ascontiguousarray(frozen.weights.T))
    weights = part.cast(stored, "real_weights", to=TensorProto.DOUBLE)
    bias = part.constant("bias", frozen.bias.astype(np.float64))
    weighted = part.apply("MatMul", [features, weights], "weighted")
    part.cast(part.apply("Add", [weighted, bias], "biased"), LOGITS, to=TensorProto.INT32)
