"""A frozen network run exactly in torch: the reference that programs are compared with.

Convolutions run in floating point: float32 where every sum is below 2**20, else float64. All else
is int32. Everything is on the CPU.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from space.blocks import BinaryConv, Block, Classifier, Conv, Pool, ports
from space.errors import SpaceError
from space.frozen import FrozenBlock, FrozenClassifier, FrozenNetwork, Threshold
from space.graph import IMAGE_VALUE, Node, Value

from .layers import duplicate_channels, max_pooled
from .network import dead_after

# Exact up to 2**24 if products are summed as they are; the margin and rounding also allow for
# algorithms that transform their operands (Winograd).
FLOAT32_END = 2**20


class IntegerNetwork:
    """The exact execution of a frozen network.

    Images are uint8 [images, size, size, channels], as arrays or tensors.
    """

    def __init__(self, frozen: FrozenNetwork) -> None:
        self.frozen = frozen
        self._dead_after = dead_after(frozen.graph)

    def logits(self, images: Tensor | NDArray[np.uint8]) -> Tensor:
        """int32 [images, classes]."""
        values = {IMAGE_VALUE: self._pixels(images)}
        for node in self.frozen.graph:
            values |= run_block(node, self.frozen.blocks[node.name], values)
            for value in self._dead_after[node.name]:
                values.pop(value, None)
        return values[Value(self.frozen.graph.output.name, "logits")]

    def values(self, images: Tensor | NDArray[np.uint8]) -> dict[Value, Tensor]:
        """Every tensor that a block stores, and the logits.

        int32 [images, channels, size, size]; of signs the bits, 1 where the sign is -1.
        """
        values = {IMAGE_VALUE: self._pixels(images)}
        for node in self.frozen.graph:
            values |= run_block(node, self.frozen.blocks[node.name], values)
        graph = self.frozen.graph
        return {Value(node.name, port): values[Value(node.name, port)]
                for node in graph for port in ports(node.block)}  # fmt: skip

    def _pixels(self, images: Tensor | NDArray[np.uint8]) -> Tensor:
        pixels = images if isinstance(images, Tensor) else torch.tensor(images)
        graph = self.frozen.graph
        shape = (graph.image_size, graph.image_size, graph.image_channels)
        if pixels.dtype != torch.uint8 or pixels.shape[1:] != shape:
            raise SpaceError(
                f"images are {pixels.dtype} {tuple(pixels.shape)}; must be uint8 "
                f"[images, {', '.join(map(str, shape))}]"
            )
        return pixels.permute(0, 3, 1, 2).int()


def run_block(node: Node, block: FrozenBlock, values: dict[Value, Tensor]) -> dict[Value, Tensor]:
    """What a node computes: its ports, and its inner value also where it is not stored.

    values: at least those that the node reads.
    """
    sources = [values[value] for value in node.inputs.sources]
    if isinstance(node.block, Classifier):
        assert block.classifier is not None
        return {Value(node.name, "logits"): _logits(block.classifier, sources)}
    terms = _operated(node.block, block, sources)
    terms += [values[value] for value in node.inputs.shortcuts]
    inner = _int16(torch.stack(terms).sum(0, dtype=torch.int32))
    written = {Value(node.name, "inner"): inner}
    if node.inputs.outer is not None:
        written[Value(node.name, "outer")] = _int16(inner + values[node.inputs.outer])
    return written | block_signs(node, block, written)


def block_signs(node: Node, block: FrozenBlock, values: dict[Value, Tensor]) -> dict[Value, Tensor]:
    """The bits of a node's signs; values: at least its inner one, and its outer one if signed."""
    return {
        Value(node.name, f"{name}_sign{index}"): threshold_bits(
            values[Value(node.name, name)], threshold
        )
        for name, signs in (("inner", block.inner_signs), ("outer", block.outer_signs))
        for index, threshold in enumerate(signs)
    }


def _operated(block: Block, frozen: FrozenBlock, sources: Sequence[Tensor]) -> list[Tensor]:
    """What the operator adds to the inner value; nothing for a Sum."""
    match block:
        case BinaryConv():
            bits = torch.cat(list(sources), dim=1)
            weights = _weights(frozen)
            # Padding bits are 0, which is a sign of +1.
            total = weights.sum((1, 2, 3))[:, None, None] - 2 * _convolved(
                bits, weights, block.stride, largest_source=1
            )
            return [_requantized(total, frozen)]
        case Conv(image=True):
            total = _convolved(sources[0], _weights(frozen), block.stride, largest_source=255)
            return [_max_pooled(_requantized(total, frozen), block)]
        case Conv():
            half = 1 << frozen.input_shift >> 1
            source = ((sources[0] + half) >> frozen.input_shift).clamp(-128, 127)
            total = _convolved(source, _weights(frozen), block.stride, largest_source=128)
            return [_max_pooled(_requantized(total, frozen), block)]
        case Pool():
            return [_pooled(block, sources[0])]
    return []


def _weights(frozen: FrozenBlock) -> Tensor:
    assert frozen.weights is not None
    return torch.tensor(frozen.weights).int()


def _convolved(source: Tensor, weights: Tensor, stride: int, *, largest_source: int) -> Tensor:
    """The int32 sums of weight * source, padded with 0."""
    largest = int(weights.abs().sum((1, 2, 3)).max()) * largest_source
    dtype = torch.float32 if largest < FLOAT32_END else torch.float64
    padding = weights.shape[-1] // 2
    total = F.conv2d(source.to(dtype), weights.to(dtype), stride=stride, padding=padding)
    return total.round().int()


def _requantized(total: Tensor, frozen: FrozenBlock) -> Tensor:
    requantize = frozen.requantize
    assert requantize is not None
    scaled = _scaled(total, requantize.multiplier, requantize.offset)
    if requantize.negative_multiplier is not None:
        assert requantize.negative_offset is not None
        negative = _scaled(total, requantize.negative_multiplier, requantize.negative_offset)
        scaled = torch.where(scaled < 0, negative, scaled)
    return scaled >> requantize.shift


def _scaled(total: Tensor, multiplier: NDArray[np.int32], offset: NDArray[np.int32]) -> Tensor:
    return total * _per_channel(multiplier) + _per_channel(offset)


def _per_channel(numbers: NDArray[np.generic]) -> Tensor:
    return torch.tensor(numbers)[:, None, None]


def _max_pooled(values: Tensor, block: Conv) -> Tensor:
    if block.max_pool is None:
        return values
    return max_pooled(_int16(values).double(), block.max_pool).int()


def _pooled(block: Pool, source: Tensor) -> Tensor:
    size = block.kernel_size
    if block.kind == "average":
        # float64 holds the sum of a window exactly.
        total = F.avg_pool2d(source.double(), size, block.stride, divisor_override=1)
        pooled = (2 * total.int() + size**2).div(2 * size**2, rounding_mode="floor")
    else:
        pooled = max_pooled(source.double(), block).int()
    return duplicate_channels(pooled, block.out_channels, period=block.period)


def threshold_bits(value: Tensor, threshold: Threshold) -> Tensor:
    """The bits of a value, 1 where its sign is -1."""
    below = value < _per_channel(threshold.threshold)
    return (below ^ _per_channel(threshold.flip)).int()


def _int16(values: Tensor) -> Tensor:
    return values.clamp(-(2**15), 2**15 - 1)


def _logits(classifier: FrozenClassifier, sources: Sequence[Tensor]) -> Tensor:
    total = torch.cat([source.sum((2, 3), dtype=torch.int32) for source in sources], dim=1)
    divisor = sources[0].shape[2] * sources[0].shape[3] << classifier.feature_shift
    features = (2 * total + divisor).div(2 * divisor, rounding_mode="floor")
    # float64 holds products below 2**31 exactly, and their sums.
    products = features.double() @ torch.tensor(classifier.weights).double().T
    return products.int() + torch.tensor(classifier.bias)
