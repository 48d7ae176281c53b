"""A supernet and a network as one would first write them, over the modules of ours.

The mathematics are the same, to the last bit but for the order of sums. Every sign is an operation
of its own on a feature map that is padded with +1; every edge is a convolution; probabilities,
width masks and gates are multiplied into feature maps; all of it in the layout [images, channels,
height, width] and with torch's own PReLU.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from space.cell_blocks import sign_port
from space.decisions import depth_decision, op_decision, width_decision
from space.graph import IMAGE_VALUE, Value
from space.nn.binarize import BatchNormSign, rounded_to_int8
from space.nn.layers import (
    BinaryConvOperator,
    ClassifierOperator,
    ImageConvOperator,
    NormActivation,
    PReLU,
    duplicate_channels,
)
from space.nn.mixed_cell import MixedCell, MixedConv, slots
from space.nn.network import Network
from space.nn.supernet import Supernet
from space.search_space import Cell, cells

Probabilities = Mapping[str, Tensor]


class _Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x >= 0, torch.ones_like(x), -torch.ones_like(x))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        passed: Tensor = gradient * (x.abs() <= 1).to(gradient.dtype)
        return passed


def _sign(x: Tensor) -> Tensor:
    signs: Tensor = _Sign.apply(x)
    return signs


def _per_channel(x: Tensor) -> Tensor:
    return x.view(1, -1, 1, 1)


def naive_supernet(supernet: Supernet, pixels: Tensor, probabilities: Probabilities) -> Tensor:
    """Logits [images, classes], as `Supernet.forward`."""
    space = supernet.space
    masks = [
        probabilities[width_decision(stage)].to(supernet.get_buffer(f"prefixes{stage}"))
        @ supernet.get_buffer(f"prefixes{stage}")
        for stage in range(len(space.stages))
    ]
    stems = [_stem(stem, pixels.to(masks[0])) for stem in supernet.stems]
    wide = stems * (space.nodes // len(stems))
    ends = [wide]
    for cell in cells(space):
        if cell.is_reduction:
            wide = _mixed(ends, probabilities[depth_decision(cell.stage - 1)])
            ends = []
        read = [_read_share(supernet, cell, index, probabilities) for index in range(space.nodes)]
        own = masks[cell.stage]
        from_mask = masks[cell.stage - 1] if cell.is_reduction else own
        ops = {
            (i, j): probabilities[op_decision(cell.group, i, j)].to(own)
            for i in range(1, space.nodes + 1) for j in range(i)
        }  # fmt: skip
        wide = _cell(supernet, supernet.cell(cell.name), wide, read, ops, from_mask, own)
        ends.append(wide)
    last = len(space.stages) - 1
    wide = _mixed(ends, probabilities[depth_decision(last)])
    distinct = [_distinct(supernet, last, index, probabilities) for index in range(space.nodes)]
    features = torch.cat([tensor.mean((2, 3)) for tensor in wide], dim=1)
    kept = torch.cat([masks[last] * share for share in distinct])
    return _classified(supernet.head, features, kept)


def naive_network(network: Network, pixels: Tensor) -> Tensor:
    """Logits [images, classes], as `Network.forward`; of networks that search spaces hold."""
    values = {IMAGE_VALUE: pixels.to(network.head.dense.weight.dtype)}
    for node in network.graph:
        if node.name == network.classifier:
            break
        layer = network.layer(node.name)
        sources = [values[value] for value in node.inputs.sources]
        terms = [values[value] for value in node.inputs.shortcuts]
        match layer.operator:
            case BinaryConvOperator() as operator:
                edges = operator.weight.chunk(len(sources), dim=1)
                parts = [
                    _conv(source, edge, operator.stride)
                    for source, edge in zip(sources, edges, strict=True)
                ]
                terms = [_activated(operator.affine, sum(parts[1:], start=parts[0])), *terms]
            case ImageConvOperator() as operator:
                terms = [_stem(operator, sources[0]), *terms]
            case nn.Module() as operator:
                terms = [operator(sources), *terms]
        inner = sum(terms[1:], start=terms[0])
        values[Value(node.name, "inner")] = inner
        if node.inputs.outer is not None:
            values[Value(node.name, "outer")] = inner + values[node.inputs.outer]
        for port in layer.signs:
            x = values[Value(node.name, port.partition("_")[0])]
            values[Value(node.name, port)] = _sign(nn.BatchNorm2d.forward(layer.sign(port), x))
    inputs = network.graph.node(network.classifier).inputs.sources
    features = torch.cat([values[value].mean((2, 3)) for value in inputs], dim=1)
    return _classified(network.head, features, torch.ones_like(features[0]))


def _stem(stem: nn.Module, pixels: Tensor) -> Tensor:
    assert isinstance(stem, ImageConvOperator)
    weight = rounded_to_int8(stem.pixel_weight()).contiguous()
    bias = -(weight.sum((2, 3)) @ stem.pixel_mean)
    total = F.conv2d(pixels, weight, bias, stem.stride, weight.shape[-1] // 2)
    return _activated(stem.affine, total)


def _activated(affine: NormActivation, total: Tensor) -> Tensor:
    normalised: Tensor = affine.norm(total)
    match affine.activation:
        case PReLU(slopes=slopes):
            return F.prelu(normalised, slopes)
        case activation:
            activated: Tensor = activation(normalised)
            return activated


def _conv(signs: Tensor, weight: Tensor, stride: int, mask: Tensor | None = None) -> Tensor:
    """The binary convolution of one edge; mask: of the channels that it reads."""
    around = weight.shape[-1] // 2
    padded = F.pad(signs, (around,) * 4, value=1.0)
    if mask is not None:
        padded = padded * _per_channel(mask)
    return F.conv2d(padded, _sign(weight).contiguous(), stride=stride)


def _edge(conv: MixedConv, index: int) -> Tensor:
    weight: Tensor = conv.weight.unflatten(1, (-1, conv.in_channels))[:, index]
    return weight


def _cell(
    supernet: Supernet, cell: MixedCell, wide: Sequence[Tensor], read: Sequence[Tensor],
    ops: Mapping[tuple[int, int], Tensor], from_mask: Tensor, own: Tensor,
) -> list[Tensor]:  # fmt: skip
    process = cell.process
    assert process is not None, "a cell on a wide path"
    parts = [
        _conv(_normed_sign(cell.input_sign(index), wide[index]), _edge(process, index),
              process.stride, from_mask) * read[index]
        for index in range(len(cell.input_signs))
    ]  # fmt: skip
    reals = [_activated(process.affine, sum(parts[1:], start=parts[0]))]
    signs = [_inner_signs(cell, 0, reals[0])]
    written = []
    for node in range(1, supernet.space.nodes + 1):
        x = _node(supernet, cell, node, reals, signs, ops, own)
        outer = wide[node - 1]
        if cell.downsample is not None:
            pooled = F.avg_pool2d(outer, 2) * _per_channel(from_mask)
            outer = duplicate_channels(pooled, cell.channels, period=outer.shape[1])
        written.append(x + outer)
        reals.append(x)
        if node < supernet.space.nodes:
            signs.append(_inner_signs(cell, node, x))
    return written


def _inner_signs(cell: MixedCell, source: int, x: Tensor) -> dict[str, Tensor]:
    ports = cell.signs[source]
    assert isinstance(ports, nn.ModuleDict)
    return {port: _normed_sign(cell.inner_sign(source, port), x) for port in ports}


def _node(
    supernet: Supernet, cell: MixedCell, node: int, reals: Sequence[Tensor],
    signs: Sequence[Mapping[str, Tensor]], ops: Mapping[tuple[int, int], Tensor],
    own: Tensor,
) -> Tensor:  # fmt: skip
    space = supernet.space
    terms = []
    for slot in slots(space, node):
        conv, option = cell.node(node).conv(slot), space.primitives.index(slot.primitive)
        parts, absent = [], own.new_ones(())
        for index, source in enumerate(slot.sources):
            bits = signs[source][sign_port(space.form, source=source, node=node)]
            share = ops[node, source][option]
            parts.append(_conv(bits, _edge(conv, index), conv.stride, own) * share)
            absent = absent * (1 - share)
        terms.append(_activated(conv.affine, sum(parts[1:], start=parts[0])) * (1 - absent))
    for source, x in enumerate(reals):
        for option, primitive in enumerate(space.primitives):
            if primitive != "none":
                terms.append(x * ops[node, source][option])
    return sum(terms[1:], start=terms[0])


def _normed_sign(norm: BatchNormSign, x: Tensor) -> Tensor:
    return _sign(nn.BatchNorm2d.forward(norm, x))


def _mixed(ends: Sequence[Sequence[Tensor]], weights: Tensor) -> list[Tensor]:
    weighted = [
        [tensor * weight.to(tensor) for tensor in wide]
        for wide, weight in zip(ends, weights, strict=True)
    ]
    return [sum(tensors[1:], start=tensors[0]) for tensors in zip(*weighted, strict=True)]


def _read_share(supernet: Supernet, cell: Cell, index: int, probabilities: Probabilities) -> Tensor:
    if cell.is_reduction:
        return _distinct(supernet, cell.stage - 1, index, probabilities)
    return torch.ones(())


def _distinct(supernet: Supernet, stage: int, index: int, probabilities: Probabilities) -> Tensor:
    """The probability that a wide tensor at a stage's end is no copy of the first one."""
    if stage > 0 or supernet.space.stem_blocks > 1 or index == 0:
        return torch.ones(())
    return 1 - probabilities[depth_decision(stage)][0].to(supernet.head.dense.weight)


def _classified(head: ClassifierOperator, features: Tensor, mask: Tensor) -> Tensor:
    return F.linear(head.norm(features) * mask, head.dense.weight, head.dense.bias)
