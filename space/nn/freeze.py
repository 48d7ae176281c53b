"""From a trained network to integers: the arithmetic is that of space/frozen.py."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from space.blocks import Classifier, ports
from space.errors import SpaceError
from space.frozen import (
    MAX_INT16_SHIFT,
    FrozenBlock,
    FrozenClassifier,
    FrozenNetwork,
    Threshold,
)
from space.graph import Node, Value

from .binarize import INT8_MAX, int8_weights
from .calibrate import SignCalibration, largest_values
from .layers import (
    BinaryConvOperator,
    BlockLayer,
    ConvOperator,
    ImageConvOperator,
)
from .network import Network
from .quantize import (
    INT16_MAX,
    INT16_MIN,
    INT32_END,
    Floats,
    Line,
    constant_threshold,
    quantized,
    requantize,
    sign_threshold,
    total_bounds,
)

HEADROOM = 2.0
PIXEL_MAX = 255


@dataclass(frozen=True, slots=True)
class _IntegerConv:
    """A convolution's integers: its real sums are scale * integer total + constant.

    weights [out, in, k, k]; source_range: the least and greatest integer that it reads.
    """

    weights: NDArray[np.int8]
    scale: Floats
    constant: Floats
    source_range: tuple[int, int]
    input_shift: int = 0


def freeze(network: Network, calibration_pixels: Tensor) -> FrozenNetwork:
    """The integers of a trained network, from its running batch norm statistics.

    calibration_pixels [images, channels, size, size], 0..255: images like those to come. Real
    values up to twice the largest among theirs keep their value, and thresholds move by a few
    integers to where the trained bits are (see calibrate.py). Raises SpaceError where the network's
    numbers cannot be represented.
    """
    largest = largest_values(network, calibration_pixels)
    real_exponent = _real_exponent(max(largest.values()))
    calibration = SignCalibration(network, calibration_pixels)
    blocks = {}
    for node in network.graph:
        if node.name != network.classifier:
            block = _frozen_block(network.layer(node.name), node, largest, real_exponent)
            blocks[node.name] = calibration.with_agreeing_signs(node, block)
    classifier, logit_scale = _frozen_classifier(network, real_exponent)
    blocks[network.classifier] = FrozenBlock(classifier=classifier)
    return FrozenNetwork(network.graph, blocks, real_exponent, logit_scale)


def _real_exponent(largest: float) -> int:
    if not 0 < largest < math.inf:
        raise SpaceError(
            f"the largest real value on the calibration images is {largest}; it must be above 0 "
            "and finite: train again with a smaller learning rate"
        )
    return math.floor(math.log2(INT16_MAX / (HEADROOM * largest)))


def _frozen_block(
    layer: BlockLayer, node: Node, largest: dict[Value, float], real_exponent: int
) -> FrozenBlock:
    inner_signs = _thresholds(layer, node, "inner_sign", real_exponent)
    outer_signs = _thresholds(layer, node, "outer_sign", real_exponent)
    operator = layer.operator
    match operator:
        case BinaryConvOperator():
            conv = _binary_conv(operator)
        case ImageConvOperator():
            conv = _image_conv(operator)
        case ConvOperator():
            conv = _real_conv(operator, largest[node.inputs.sources[0]], real_exponent)
        case _:
            return FrozenBlock(inner_signs=inner_signs, outer_signs=outer_signs)
    gain, bias, mean, std = _statistics(operator.affine.norm)
    unit = 2.0**real_exponent
    pivot = (mean - conv.constant) / conv.scale
    slopes = operator.affine.slopes()
    try:
        integers = requantize(
            Line(gain / std * conv.scale * unit, bias * unit, pivot),
            slopes=None if slopes is None else _array(slopes),
            bounds=total_bounds(conv.weights, *conv.source_range),
        )
    except SpaceError as error:
        raise SpaceError(f"{node.name}: {error}") from error
    return FrozenBlock(conv.weights, integers, inner_signs, outer_signs, conv.input_shift)


def _binary_conv(operator: BinaryConvOperator) -> _IntegerConv:
    weights = np.where(_array(operator.weight) < 0, -1, 1).astype(np.int8)
    channels = len(weights)
    return _IntegerConv(weights, np.ones(channels), np.zeros(channels), (-1, 1))


def _image_conv(operator: ImageConvOperator) -> _IntegerConv:
    weights, scale = _int8(operator.pixel_weight())
    constant = -(weights.sum(axis=(2, 3)) @ _array(operator.pixel_mean)) * scale
    return _IntegerConv(weights, scale, constant, (0, PIXEL_MAX))


def _real_conv(operator: ConvOperator, largest: float, real_exponent: int) -> _IntegerConv:
    weights, scale = _int8(operator.weight)
    largest_integer = max(1.0, largest * 2.0**real_exponent)
    shift = max(0, math.ceil(math.log2(largest_integer / INT8_MAX)))
    step = 2.0 ** (shift - real_exponent)
    return _IntegerConv(
        weights, scale * step, np.zeros(len(weights)), (-INT8_MAX - 1, INT8_MAX), shift
    )


def _int8(weight: Tensor) -> tuple[NDArray[np.int8], Floats]:
    """The integers with which the network was trained, and their scale [out]."""
    integers, scale = int8_weights(weight)
    return _array(integers).astype(np.int8), _array(scale).ravel()


def _statistics(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Floats, Floats, Floats, Floats]:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    std = np.sqrt(_array(norm.running_var) + norm.eps)
    return _array(norm.weight), _array(norm.bias), _array(norm.running_mean), std


def _thresholds(
    layer: BlockLayer, node: Node, prefix: str, real_exponent: int
) -> tuple[Threshold, ...]:
    """The signs of the ports that start with the prefix; dead ones are constant."""
    return tuple(
        sign_threshold(*_statistics(layer.sign(port)), real_exponent=real_exponent)
        if port in layer.signs
        else constant_threshold(node.block.out_channels)
        for port in ports(node.block)
        if port.startswith(prefix)
    )


def _frozen_classifier(network: Network, real_exponent: int) -> tuple[FrozenClassifier, float]:
    """The classifier's integers and the real value of one step of its logits."""
    gain, bias, mean, std = _statistics(network.head.norm)
    dense = _array(network.head.dense.weight)
    weights, scale = quantized(dense * gain / std)
    # With the mean times the rounded weights, so that their rounding moves no average logit.
    constant = _array(network.head.dense.bias) + dense @ bias - weights @ mean * scale
    for feature_shift in range(MAX_INT16_SHIFT + 1):
        step = scale * 2.0 ** (feature_shift - real_exponent)
        steps = np.rint(constant / step)
        largest_feature = -INT16_MIN >> feature_shift
        reached = np.abs(weights.astype(np.int64)).sum(axis=1) * largest_feature + np.abs(steps)
        if reached.max() < INT32_END:
            _check_pooled_sums(network.graph.output, feature_shift)
            return FrozenClassifier(weights, steps.astype(np.int32), feature_shift), step
    raise SpaceError(
        f"{network.classifier}: logits of up to {reached.max():g} steps do not fit 32 bits; "
        "train with weight decay on the classifier"
    )


def _check_pooled_sums(node: Node, feature_shift: int) -> None:
    assert isinstance(node.block, Classifier)
    pixels = node.block.in_size**2
    if 2 * pixels * -INT16_MIN + (pixels << feature_shift) >= INT32_END:
        raise SpaceError(
            f"{node.name}: sums over {node.block.in_size}x{node.block.in_size} pixels do not fit "
            "32 bits; add a reduction before the classifier"
        )


def _array(tensor: Tensor) -> Floats:
    array: Floats = tensor.detach().cpu().double().numpy()
    return array
