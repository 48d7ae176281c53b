"""A cell of the supernet at discrete choices: what is not chosen is not computed.

Tensors and weights are as narrow as the chosen widths, cells and edges that are not chosen cost
nothing. The result is that of a mixed cell at one-hot probabilities.

A batch norm reads and updates its statistics for what is computed, and only that. So they are means
over the networks that were sampled and fit none of them alone: estimate them again before a single
network is judged (see barsctl/gap.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from space.cell_blocks import passing_primitives, shortcut_sources, sign_port

from .mixed_cell import Masks, MixedCell, MixedNode, slots, weighted_sum


@dataclass(frozen=True, slots=True)
class CellChoice:
    """What is chosen of a cell.

    tensors: how many wide tensors it reads as bits; channels: of each tensor that it writes;
    ops[i - 1][j]: the primitive from x_j to x_i.
    """

    tensors: int
    channels: int
    ops: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Factors:
    """What the parts of a cell are multiplied with: 1 by value, but with gradients.

    ops[i - 1] [i, primitives]; masks as narrow as the tensors.
    """

    ops: Sequence[Tensor]
    masks: Masks


def chosen_cell(
    cell: MixedCell, wide: Sequence[Tensor], choice: CellChoice, factors: Factors | None
) -> list[Tensor]:
    """The wide value that a cell writes, each of its tensors [images, channels, size, size]."""
    outers, x = list(wide), wide[0]
    if cell.downsample is not None:
        mask, distinct = None, None
        if factors is not None:
            mask, distinct = factors.masks.input, factors.masks.sources
        outers = cell.downsample(
            wide[: choice.tensors], channels=choice.channels, mask=mask, distinct=distinct
        )
        # All others are copies of the first.
        outers += outers[:1] * (len(wide) - len(outers))
    if cell.process is not None:
        read = [cell.input_sign(index).bits(wide[index]) for index in range(choice.tensors)]
        mix = None if factors is None else factors.masks.sources[:, None] * factors.masks.input
        x = cell.process.chosen(read, range(choice.tensors), choice.channels, mix=mix, gate=None)
        x = cell.entered(x, outers)
    reals, bits = [x], _Bits(cell)
    for node, ops in enumerate(choice.ops, start=1):
        found = _chosen_node(cell.node(node), reals, bits, ops, factors)
        reals.append(torch.zeros_like(x) if found is None else found)
    return cell.passed_on(reals, outers)


class _Bits:
    """The signs of a cell's nodes, each taken when it is first read."""

    def __init__(self, cell: MixedCell) -> None:
        self._cell = cell
        self._taken: dict[tuple[int, str], Tensor] = {}

    def of(self, x: Tensor, source: int, port: str) -> Tensor:
        """The bits that a port of x_source = x writes."""
        key = source, port
        if key not in self._taken:
            self._taken[key] = self._cell.inner_sign(source, port).bits(x)
        return self._taken[key]


def _chosen_node(
    mixed: MixedNode, reals: Sequence[Tensor], bits: _Bits, ops: tuple[str, ...],
    factors: Factors | None,
) -> Tensor | None:  # fmt: skip
    """x_i; None where nothing leads to it."""
    space, node = mixed.space, mixed.node
    weights = None if factors is None else factors.ops[node - 1]
    total: Tensor | None = None
    for slot in slots(space, node):
        sources = [source for source in slot.sources if ops[source] == slot.primitive]
        if not sources:
            continue
        read = [bits.of(reals[j], j, sign_port(space.form, source=j, node=node)) for j in sources]
        mix, gate = None, None
        if factors is not None and weights is not None:
            taken = weights[sources, space.primitives.index(slot.primitive)]
            mix, gate = taken[:, None] * factors.masks.own, 1 - torch.prod(1 - taken)
        kept = [slot.sources.index(source) for source in sources]
        part = mixed.conv(slot).chosen(read, kept, reals[0].shape[1], mix=mix, gate=gate)
        total = part if total is None else total + part
    passed = shortcut_sources(space, ops)
    if weights is None or not passed:
        for source in passed:
            total = reals[source] if total is None else total + reals[source]
        return total
    passing = [space.primitives.index(name) for name in passing_primitives(space)]
    shares = weights[list(passed)][:, passing].sum(dim=1)
    return weighted_sum([reals[source] for source in passed], shares, start=total)
