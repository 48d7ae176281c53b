"""Numbers that another tool trained, as a network of ours, and frozen."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from space.floats import ConvFloats, FloatNetwork, Floats, Norm
from space.frozen import FrozenBlock, FrozenNetwork, Threshold
from space.graph import Value

from .freeze import freeze
from .layers import BinaryConvOperator, ConvOperator, ImageConvOperator, PReLU
from .network import Network


@torch.no_grad()
def network_of_floats(floats: FloatNetwork) -> Network:
    """The network in evaluation mode; it reads pixels as they are."""
    channels = floats.graph.image_channels
    network = Network(floats.graph, [0.0] * channels, [1.0] * channels)
    for name, numbers in floats.convs.items():
        operator = network.layer(name).operator
        assert isinstance(operator, BinaryConvOperator | ConvOperator | ImageConvOperator)
        _set_conv(operator, numbers)
    for value, norm in floats.signs.items():
        _set_norm(network.layer(value.node).sign(value.port), norm)
    head = network.head
    _set_norm(head.norm, floats.classifier.norm)
    _set(head.dense.weight, floats.classifier.weights)
    _set(head.dense.bias, floats.classifier.bias)
    return network.eval()


def freeze_floats(floats: FloatNetwork, calibration_pixels: Tensor) -> FrozenNetwork:
    """The integers; see freeze. Complements have their sign's own threshold, the other way round.

    Raises SpaceError where the numbers cannot be represented.
    """
    frozen = freeze(network_of_floats(floats), calibration_pixels)
    blocks = dict(frozen.blocks)
    for complement, value in floats.complements.items():
        blocks[value.node] = _complemented(blocks[value.node], complement, value)
    return replace(frozen, blocks=blocks)


def _complemented(block: FrozenBlock, complement: Value, value: Value) -> FrozenBlock:
    signs = list(block.inner_signs)
    sign = signs[_index(value)]
    signs[_index(complement)] = Threshold(sign.threshold, ~sign.flip)
    return replace(block, inner_signs=tuple(signs))


def _index(sign: Value) -> int:
    return int(sign.port.removeprefix("inner_sign"))


def _set_conv(
    operator: BinaryConvOperator | ConvOperator | ImageConvOperator, numbers: ConvFloats
) -> None:
    _set(operator.weight, numbers.weights)
    _set_norm(operator.affine.norm, numbers.norm)
    if isinstance(operator.affine.activation, PReLU):
        assert numbers.slopes is not None
        _set(operator.affine.activation.slopes, numbers.slopes)


def _set_norm(module: nn.BatchNorm1d | nn.BatchNorm2d, norm: Norm) -> None:
    assert module.running_mean is not None
    # The deviation is in the gain.
    module.eps = 0.0
    _set(module.weight, norm.gain)
    _set(module.bias, norm.bias)
    _set(module.running_mean, norm.mean)


def _set(tensor: Tensor, numbers: Floats) -> None:
    tensor.copy_(torch.from_numpy(np.ascontiguousarray(numbers)))
