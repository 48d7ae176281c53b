"""A cell of the supernet: all its networks at once, mixed by probabilities.

Where probabilities are one-hot, a mixed cell computes what the chosen cell computes. Probabilities
and width masks are multiplied into weights, which are small, rather than into feature maps:

- A convolution reads all its possible sources in one pass, its weights times the probability of
  each edge and the width mask of each channel read. A masked channel holds anything and is never
  read, not even as the constant that batch norm and sign make of a 0.
- Batch norm undoes the scale of the convolution, and its bias stays where no edge is a convolution.
  So its gain and bias are times a gate: the probability that at least one edge is one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from space.blocks import Activation
from space.cell_blocks import has_outer, has_process, inner_signs, passing_primitives, sign_port
from space.search_space import KERNEL_SIZES, Cell, SearchSpace, path_tensors, stage_size

from .binarize import BatchNormSign, binary_conv2d, binary_sign
from .downsample import MixedDownsample
from .layers import NormActivation, latent_weights


@dataclass(frozen=True, slots=True)
class Masks:
    """How much of what a cell reads there is: of its wide tensors, of their channels, of its own.

    sources [tensors], input [in_channels], own [channels]; 0 to 1.
    """

    sources: Tensor
    input: Tensor
    own: Tensor


class MixedConv(nn.Module):
    """A binary convolution over sources of equal channels, each read with a weight."""

    def __init__(
        self, sources: int, in_channels: int, out_channels: int, *,
        kernel_size: int, stride: int, activation: Activation,
    ) -> None:  # fmt: skip
        super().__init__()
        self.in_channels = in_channels
        self.stride = stride
        self.weight = latent_weights(out_channels, sources * in_channels, kernel_size, kernel_size)
        self.affine = NormActivation(activation, out_channels)

    def forward(
        self, bits: Sequence[Tensor], source_weights: Tensor, mask: Tensor, gate: Tensor | None
    ) -> Tensor:
        """source_weights [sources]; mask [in_channels]; gate: one number."""
        mix = (source_weights[:, None] * mask).view(1, -1, 1, 1)
        return self._activated(bits, binary_sign(self.weight) * mix, gate)

    def chosen(
        self, bits: Sequence[Tensor], sources: Sequence[int], out_channels: int, *,
        mix: Tensor | None, gate: Tensor | None,
    ) -> Tensor:  # fmt: skip
        """The first channels, of some sources: those whose bits are given, narrower or not.

        mix [sources, channels]: factors of what is read.
        """
        by_source = self.weight.unflatten(1, (-1, self.in_channels))
        kept = by_source[:out_channels, list(sources), : bits[0].shape[1]]
        signs = binary_sign(kept.flatten(1, 2))
        if mix is not None:
            signs = signs * mix.view(1, -1, 1, 1)
        return self._activated(bits, signs, gate)

    def _activated(self, bits: Sequence[Tensor], weight: Tensor, gate: Tensor | None) -> Tensor:
        sources = torch.cat(list(bits), dim=1) if len(bits) > 1 else bits[0]
        total = binary_conv2d(sources, weight, stride=self.stride)
        activated: Tensor = self.affine(total, gate)
        return activated


@dataclass(frozen=True, slots=True)
class Slot:
    """A convolution that a node may have: by primitive, over the nodes it may read."""

    primitive: str
    sources: tuple[int, ...]

    @property
    def key(self) -> str:
        return "_".join([self.primitive, *map(str, self.sources)])


def slots(space: SearchSpace, node: int) -> tuple[Slot, ...]:
    """The convolutions into x_node: per primitive, and in form "edge" also per source."""
    convs = [name for name in space.primitives if name in KERNEL_SIZES]
    if space.form == "node":
        return tuple(Slot(name, tuple(range(node))) for name in convs)
    return tuple(Slot(name, (source,)) for source in range(node) for name in convs)


def slot_of(space: SearchSpace, node: int, *, kernel_size: int, source: int) -> Slot:
    """The slot that holds the weights of an edge's convolution."""
    return next(
        slot
        for slot in slots(space, node)
        if KERNEL_SIZES[slot.primitive] == kernel_size and source in slot.sources
    )


class MixedNode(nn.Module):
    """x_i: its convolutions and shortcuts, weighted by the probabilities of its edges."""

    def __init__(self, space: SearchSpace, node: int, channels: int) -> None:
        super().__init__()
        self.space, self.node = space, node
        self.convs = nn.ModuleDict({
            slot.key: MixedConv(
                len(slot.sources), channels, channels,
                kernel_size=KERNEL_SIZES[slot.primitive], stride=1, activation=space.activation,
            )
            for slot in slots(space, node)
        })  # fmt: skip

    def conv(self, slot: Slot) -> MixedConv:
        conv = self.convs[slot.key]
        assert isinstance(conv, MixedConv)
        return conv

    def forward(
        self, reals: Sequence[Tensor], bits: Sequence[dict[str, Tensor]], ops: Tensor, mask: Tensor
    ) -> Tensor:
        """reals and bits of x_0..x_{i-1}; ops [i, primitives]: probabilities of its edges."""
        total: Tensor | None = None
        for slot in slots(self.space, self.node):
            chosen = ops[list(slot.sources), self.space.primitives.index(slot.primitive)]
            read = [bits[j][sign_port(self.space.form, source=j, node=self.node)]
                    for j in slot.sources]  # fmt: skip
            gate = 1 - torch.prod(1 - chosen)
            part = self.conv(slot)(read, chosen, mask, gate)
            total = part if total is None else total + part
        passing = [self.space.primitives.index(name) for name in passing_primitives(self.space)]
        if total is not None and not passing:
            return total
        return weighted_sum(reals, ops[:, passing].sum(dim=1), start=total)


def weighted_sum(
    tensors: Sequence[Tensor], weights: Tensor, *, start: Tensor | None = None
) -> Tensor:
    """start + sum of weights[i] * tensors[i]."""
    total = tensors[0] * weights[0] if start is None else start.addcmul(tensors[0], weights[0])
    for tensor, weight in zip(tensors[1:], weights[1:], strict=True):
        total = total.addcmul(tensor, weight)
    return total


class MixedCell(nn.Module):
    """A normal or reduction cell over wide values.

    tensors: how many of them its process convolution reads as bits: the distinct ones. Without that
    convolution the sign of x_0 is that of the one tensor.
    """

    def __init__(
        self, space: SearchSpace, cell: Cell, *, tensors: int, in_channels: int, channels: int
    ) -> None:
        super().__init__()
        self.channels, self.written = channels, path_tensors(space)
        self.has_outer = has_outer(space)
        self.input_signs = nn.ModuleList()
        self.process: MixedConv | None = None
        if has_process(space, reduction=cell.is_reduction):
            self.input_signs.extend(BatchNormSign(in_channels) for _ in range(tensors))
            kernel_size, stride = (3, 2) if cell.is_reduction else (1, 1)
            self.process = MixedConv(
                tensors, in_channels, channels,
                kernel_size=kernel_size, stride=stride, activation=space.activation,
            )  # fmt: skip
        self.downsample: MixedDownsample | None = None
        if cell.is_reduction and space.outer_shortcuts:
            size = stage_size(space, cell.stage)
            self.downsample = MixedDownsample(
                space, in_channels=in_channels, channels=channels, size=size
            )
        self.signs = nn.ModuleList(_inner_signs(space, j, channels) for j in range(space.nodes))
        self.nodes = nn.ModuleList(
            MixedNode(space, node, channels) for node in range(1, space.nodes + 1)
        )

    def input_sign(self, index: int) -> BatchNormSign:
        """The sign of the index-th wide tensor."""
        sign = self.input_signs[index]
        assert isinstance(sign, BatchNormSign)
        return sign

    def inner_sign(self, source: int, port: str) -> BatchNormSign:
        """The sign that writes a port of x_source."""
        ports = self.signs[source]
        assert isinstance(ports, nn.ModuleDict)
        sign = ports[port]
        assert isinstance(sign, BatchNormSign)
        return sign

    def node(self, node: int) -> MixedNode:
        """The node that computes x_node, from 1 on."""
        found = self.nodes[node - 1]
        assert isinstance(found, MixedNode)
        return found

    def forward(self, wide: Sequence[Tensor], ops: Sequence[Tensor], masks: Masks) -> list[Tensor]:
        """The wide value that the cell writes; ops[i - 1] [i, primitives]: x_i's edges."""
        outers = list(wide)
        if self.downsample is not None:
            outers = self.downsample(
                wide, channels=self.channels, mask=masks.input, distinct=masks.sources
            )
        x = wide[0]
        if self.process is not None:
            tensors = range(len(self.input_signs))
            read = [self.input_sign(index).bits(wide[index]) for index in tensors]
            x = self.entered(self.process(read, masks.sources, masks.input, None), outers)
        reals, bits = [x], [self.inner_bits(0, x)]
        for node in range(1, len(self.nodes) + 1):
            reals.append(self.node(node)(reals, bits, ops[node - 1], masks.own))
            if node < len(self.nodes):
                bits.append(self.inner_bits(node, reals[node]))
        return self.passed_on(reals, outers)

    def entered(self, x: Tensor, outers: Sequence[Tensor]) -> Tensor:
        """x_0 of what its process convolution gives and of the shortcuts around the cell."""
        return x if self.downsample is None or self.has_outer else x + outers[0]

    def passed_on(self, reals: Sequence[Tensor], outers: Sequence[Tensor]) -> list[Tensor]:
        """The wide value of x_0..x_n and of the shortcuts around the cell."""
        if not self.has_outer:
            return list(reals[-self.written :])
        return [x + outer for x, outer in zip(reals[1:], outers, strict=True)]

    def inner_bits(self, source: int, x: Tensor) -> dict[str, Tensor]:
        ports = self.signs[source]
        assert isinstance(ports, nn.ModuleDict)
        return {port: self.inner_sign(source, port).bits(x) for port in ports}


def _inner_signs(space: SearchSpace, source: int, channels: int) -> nn.ModuleDict:
    ports = [f"inner_sign{index}" for index in range(inner_signs(space, source))]
    return nn.ModuleDict({port: BatchNormSign(channels) for port in ports})
