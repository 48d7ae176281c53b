"""Copies the supernet's weights and statistics into one of its networks.

A network has the first channels of each tensor, and of each convolution the sources that it reads.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from space.cell_blocks import ConvGroup, conv_groups
from space.genotype import Genotype
from space.graph import Value
from space.search_space import Cell, SearchSpace

from .layers import (
    BinaryConvOperator,
    ClassifierOperator,
    ConvOperator,
    ImageConvOperator,
    NormActivation,
    PReLU,
)
from .mixed_cell import MixedCell, MixedConv, slot_of
from .network import Network

Norm = nn.BatchNorm1d | nn.BatchNorm2d


@torch.no_grad()
def inherit_stem(network: Network, name: str, stem: nn.Module) -> None:
    """Copy a stem convolution."""
    operator = network.layer(name).operator
    assert isinstance(stem, ImageConvOperator)
    assert isinstance(operator, ImageConvOperator)
    operator.weight.copy_(stem.weight[: len(operator.weight)])
    _copy_affine(operator.affine, stem.affine)


@torch.no_grad()
def inherit_cell(network: Network, genotype: Genotype, cell: Cell, mixed: MixedCell) -> None:
    """Copy all blocks of a cell, and the signs that they read."""
    if mixed.process is not None:
        _inherit_entry(network, cell, mixed, mixed.process)
    for ops in genotype.topologies[cell.group]:
        _inherit_node(network, genotype.space, f"{cell.name}.node{len(ops)}", ops, mixed)


def _inherit_entry(network: Network, cell: Cell, mixed: MixedCell, process: MixedConv) -> None:
    name = f"{cell.name}.process"
    sources = network.graph.node(name).inputs.sources
    _copy_conv(network, name, process, range(len(sources)))
    for index, value in enumerate(sources):
        _copy_sign(network, value, mixed.input_sign(index))
        if mixed.downsample is not None and mixed.downsample.projections:
            projection = mixed.downsample.projection(index)
            _copy_projection(network, f"{cell.name}.down{index + 1}", projection)


def _inherit_node(
    network: Network, space: SearchSpace, name: str, ops: tuple[str, ...], mixed: MixedCell
) -> None:
    groups = conv_groups(space.form, ops)
    # The last part of a node's chain of blocks has the node's own name.
    parts = [f"{name}.k{number}" for number in range(len(groups) - 1)] + [name]
    for part, group in zip(parts, groups, strict=bool(groups)):
        _inherit_group(network, space, part, group, mixed, node=len(ops))


def _inherit_group(
    network: Network, space: SearchSpace, part: str, group: ConvGroup, mixed: MixedCell, *,
    node: int,
) -> None:  # fmt: skip
    slot = slot_of(space, node, kernel_size=group.kernel_size, source=group.sources[0])
    kept = [slot.sources.index(source) for source in group.sources]
    _copy_conv(network, part, mixed.node(node).conv(slot), kept)
    for source, value in zip(group.sources, network.graph.node(part).inputs.sources, strict=True):
        _copy_sign(network, value, mixed.inner_sign(source, value.port))


@torch.no_grad()
def inherit_head(network: Network, head: ClassifierOperator, *, tensors: int) -> None:
    """Copy the classifier; tensors: how many the supernet's classifier reads."""
    sources = network.graph.output.inputs.sources
    channels = network.head.norm.num_features // len(sources)

    def kept(features: Tensor) -> Tensor:
        first: Tensor = features.unflatten(-1, (tensors, -1))[..., : len(sources), :channels]
        return first.flatten(-2)

    network.head.dense.weight.copy_(kept(head.dense.weight))
    network.head.dense.bias.copy_(head.dense.bias)
    for target, source in _norm_tensors(network.head.norm, head.norm):
        target.copy_(kept(source))


def _copy_conv(network: Network, name: str, mixed: MixedConv, sources: Sequence[int]) -> None:
    operator = network.layer(name).operator
    assert isinstance(operator, BinaryConvOperator)
    out_channels, reads = operator.weight.shape[:2]
    by_source = mixed.weight.unflatten(1, (-1, mixed.in_channels))
    kept = by_source[:out_channels, list(sources), : reads // len(sources)]
    operator.weight.copy_(kept.flatten(1, 2))
    _copy_affine(operator.affine, mixed.affine)


def _copy_projection(network: Network, name: str, projection: ConvOperator) -> None:
    operator = network.layer(name).operator
    assert isinstance(operator, ConvOperator)
    out_channels, in_channels = operator.weight.shape[:2]
    operator.weight.copy_(projection.weight[:out_channels, :in_channels])
    _copy_affine(operator.affine, projection.affine)


def _copy_sign(network: Network, value: Value, source: nn.BatchNorm2d) -> None:
    _copy_norm(network.layer(value.node).sign(value.port), source)


def _copy_affine(target: NormActivation, source: NormActivation) -> None:
    _copy_norm(target.norm, source.norm)
    if isinstance(target.activation, PReLU) and isinstance(source.activation, PReLU):
        slopes = target.activation.slopes
        slopes.copy_(source.activation.slopes[: len(slopes)])


def _copy_norm(target: Norm, source: Norm) -> None:
    for own, other in _norm_tensors(target, source):
        own.copy_(other[: len(own)])


def _norm_tensors(target: Norm, source: Norm) -> list[tuple[Tensor, Tensor]]:
    found: list[tuple[Tensor, Tensor]] = []
    for name in ("weight", "bias"):
        found.append((target.get_parameter(name), source.get_parameter(name)))
    for name in ("running_mean", "running_var"):
        found.append((target.get_buffer(name), source.get_buffer(name)))
    return found
