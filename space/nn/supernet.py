"""All networks of a space as one, with shared weights.

Its forward pass takes the probabilities of every decision. Depth: what a stage passes on is the sum
of what it passes on after each number of cells, times its probability. Width: channels are masked
by the probability that they exist (see mixed_cell.py).

Where one network is chosen, `chosen` computes that network alone (see chosen_cell.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from space.blocks import Classifier
from space.cell_blocks import stem_block
from space.decisions import Choices, depth_decision, op_decision, width_decision
from space.decode import decode
from space.genotype import Genotype, kept_cells
from space.search_space import Cell, SearchSpace, cells, path_tensors, stage_channels, stage_size

from .chosen_cell import CellChoice, Factors, chosen_cell
from .inherit import inherit_cell, inherit_head, inherit_stem
from .layers import ClassifierOperator, ImageConvOperator, pooled_globally
from .mixed_cell import Masks, MixedCell, weighted_sum
from .network import Network, pixel_statistics

Probabilities = Mapping[str, Tensor]


class Supernet(nn.Module):
    """All networks of a space; pixel_mean and pixel_std are as a Network's."""

    def __init__(
        self, space: SearchSpace, pixel_mean: Sequence[float], pixel_std: Sequence[float]
    ) -> None:
        super().__init__()
        self.space = space
        self.pixels = tuple(pixel_mean), tuple(pixel_std)
        mean, std = pixel_statistics(space.image_channels, pixel_mean, pixel_std)
        widest = [stage.channels for stage in space.stages]
        stem = stem_block(space, widest[0], last=False)
        self.stems = nn.ModuleList(
            ImageConvOperator(stem, mean, std) for _ in range(space.stem_blocks)
        )
        self.cells = nn.ModuleDict({cell.name: _mixed_cell(space, cell) for cell in cells(space)})
        last = len(widest) - 1
        features = (widest[last],) * path_tensors(space)
        self.head = ClassifierOperator(Classifier(features, space.classes, stage_size(space, last)))
        for stage in range(len(widest)):
            self.register_buffer(f"prefixes{stage}", _prefixes(space, stage), persistent=False)

    def cell(self, name: str) -> MixedCell:
        """The cell of a name."""
        cell = self.cells[name]
        assert isinstance(cell, MixedCell)
        return cell

    def forward(self, pixels: Tensor, probabilities: Probabilities) -> Tensor:
        """Logits [images, classes] of pixels 0..255 [images, channels, size, size].

        probabilities: per decision a vector that sums to 1; it is used as it is.
        """
        masks = [self._mask(stage, probabilities) for stage in range(len(self.space.stages))]
        wide = self._stem(pixels.to(self.head.dense.weight.dtype))
        ends = [wide]
        for cell in cells(self.space):
            if cell.is_reduction:
                wide = self._end(cell.stage - 1, ends, probabilities)
                ends = []
            wide = self.cell(cell.name)(
                wide, self._ops(cell, probabilities), self._masks(cell, masks, probabilities)
            )
            ends.append(wide)
        return self._logits(ends, masks[-1], probabilities)

    def chosen(
        self, pixels: Tensor, choices: Choices, mixture: Probabilities | None = None
    ) -> Tensor:
        """Logits as `forward` gives them for one-hot probabilities, computing only what is chosen.

        choices: an option per decision; a node that nothing leads to is 0. mixture: probabilities
        that are one-hot by value and get gradients (see `straight_through`). An option gets the
        gradient of as much of it as is computed: a wider tensor or an unchosen convolution is not,
        but the cells before the chosen depth are, and the source that a skip passes belongs to the
        convolutions on its edge too.
        """
        channels = [
            stage_channels(self.space, stage, self.space.widths[choices[width_decision(stage)]])
            for stage in range(len(self.space.stages))
        ]
        masks = None
        if mixture is not None:
            masks = [self._mask(stage, mixture)[:kept] for stage, kept in enumerate(channels)]
        wide = self._stem(pixels.to(self.head.dense.weight.dtype), channels=channels[0])
        ends = [wide]
        for cell in cells(self.space):
            if cell.is_reduction:
                wide = self._chosen_end(cell.stage - 1, ends, mixture)
            elif len(ends) > choices[depth_decision(cell.stage)]:
                continue
            factors, tensors = None, self._tensors(cell, choices)
            if mixture is not None and masks is not None:
                own = self._masks(cell, masks, mixture)
                own = replace(own, sources=own.sources[:tensors])
                factors = Factors(self._ops(cell, mixture), own)
            choice = CellChoice(tensors, channels[cell.stage], self._chosen_ops(cell, choices))
            wide = chosen_cell(self.cell(cell.name), wide, choice, factors)
            ends = [wide] if cell.is_reduction else [*ends, wide]
        return self._chosen_logits(ends, masks, choices, mixture)

    def network_for(self, genotype: Genotype) -> Network:
        """The network of a genotype, with copies of the weights and statistics that it uses."""
        network = Network(decode(genotype), *self.pixels)
        network.to(self.head.dense.weight)
        for number, stem in enumerate(self.stems, start=1):
            name = "stem" if len(self.stems) == 1 else f"stem{number}"
            inherit_stem(network, name, stem)
        for cell in kept_cells(genotype):
            inherit_cell(network, genotype, cell, self.cell(cell.name))
        inherit_head(network, self.head, tensors=path_tensors(self.space))
        return network.train(self.training)

    def _stem(self, pixels: Tensor, *, channels: int | None = None) -> list[Tensor]:
        stems = [stem([pixels], channels=channels) for stem in self.stems]
        return stems * (path_tensors(self.space) // len(stems))

    def _mask(self, stage: int, probabilities: Probabilities) -> Tensor:
        """The probability that each channel of a stage exists."""
        prefixes: Tensor = self.get_buffer(f"prefixes{stage}")
        # No matrix product: in mixed precision its sums of probabilities would not be 1.
        return (probabilities[width_decision(stage)].to(prefixes)[:, None] * prefixes).sum(dim=0)

    def _ops(self, cell: Cell, probabilities: Probabilities) -> list[Tensor]:
        return [
            torch.stack([probabilities[op_decision(cell.group, i, j)] for j in range(i)])
            for i in range(1, self.space.nodes + 1)
        ]

    def _masks(self, cell: Cell, masks: Sequence[Tensor], probabilities: Probabilities) -> Masks:
        own = masks[cell.stage]
        if cell.is_reduction:
            distinct = self._distinct(cell.stage - 1, own, probabilities)
            return Masks(distinct, masks[cell.stage - 1], own)
        return Masks(own.new_ones(len(self.cell(cell.name).input_signs)), own, own)

    def _distinct(self, stage: int, like: Tensor, probabilities: Probabilities) -> Tensor:
        """The probability of each wide tensor at a stage's end to be no copy of the first one.

        Without cells, a first stage passes on its stem's tensor, repeated.
        """
        distinct = like.new_ones(path_tensors(self.space))
        if stage > 0 or self.space.stem_blocks > 1:
            return distinct
        copies = torch.arange(len(distinct), device=like.device) > 0
        no_cells = probabilities[depth_decision(stage)][0].to(like)
        return distinct - copies * no_cells

    def _end(
        self, stage: int, ends: Sequence[Sequence[Tensor]], probabilities: Probabilities
    ) -> list[Tensor]:
        """What a stage passes on: its wide values after 0, 1, ... cells, mixed."""
        if len(ends) == 1:
            return list(ends[0])
        weights = probabilities[depth_decision(stage)].to(ends[0][0])
        return [weighted_sum(tensors, weights) for tensors in zip(*ends, strict=True)]

    def _logits(
        self, ends: Sequence[Sequence[Tensor]], mask: Tensor, probabilities: Probabilities
    ) -> Tensor:
        stage = len(self.space.stages) - 1
        pooled_ends = [[pooled_globally(tensor) for tensor in wide] for wide in ends]
        pooled = torch.cat(self._end(stage, pooled_ends, probabilities), dim=1)
        mix = (self._distinct(stage, mask, probabilities)[:, None] * mask).view(1, -1)
        return self.head.classified(pooled, self.head.dense.weight * mix)

    def _tensors(self, cell: Cell, choices: Choices) -> int:
        """How many wide tensors a cell reads as bits: after the stem alone, the distinct ones."""
        no_cells = cell.is_reduction and choices[depth_decision(cell.stage - 1)] == 0
        after_stem = (cell.stage, cell.index) == (0, 0) or (cell.stage == 1 and no_cells)
        return self.space.stem_blocks if after_stem else path_tensors(self.space)

    def _chosen_ops(self, cell: Cell, choices: Choices) -> tuple[tuple[str, ...], ...]:
        return tuple(
            tuple(self.space.primitives[choices[op_decision(cell.group, i, j)]] for j in range(i))
            for i in range(1, self.space.nodes + 1)
        )

    def _chosen_end(
        self, stage: int, ends: Sequence[Sequence[Tensor]], mixture: Probabilities | None
    ) -> list[Tensor]:
        """What the last of a stage's cells wrote; for gradients mixed with what is before it."""
        if mixture is None or self.space.stages[stage].max_cells == 0:
            return list(ends[-1])
        weights = mixture[depth_decision(stage)].to(ends[0][0])[: len(ends)]
        return [weighted_sum(tensors, weights) for tensors in zip(*ends, strict=True)]

    def _chosen_logits(
        self, ends: Sequence[Sequence[Tensor]], masks: Sequence[Tensor] | None, choices: Choices,
        mixture: Probabilities | None,
    ) -> Tensor:  # fmt: skip
        stage = len(self.space.stages) - 1
        copies = stage == 0 and choices[depth_decision(0)] == 0
        tensors = self.space.stem_blocks if copies else path_tensors(self.space)
        kept = ends if mixture is not None else ends[-1:]
        pooled = [[pooled_globally(tensor) for tensor in wide[:tensors]] for wide in kept]
        features = torch.stack(self._chosen_end(stage, pooled, mixture), dim=1)
        mix = None
        if mixture is not None and masks is not None:
            mix = self._distinct(stage, masks[-1], mixture)[:tensors, None] * masks[-1]
        return self.head.first_features(features, mix, tensors=path_tensors(self.space))


def _mixed_cell(space: SearchSpace, cell: Cell) -> MixedCell:
    after_stem = cell.stage == 0 and cell.index == 0
    from_stage = cell.stage - 1 if cell.is_reduction else cell.stage
    return MixedCell(
        space, cell,
        tensors=space.stem_blocks if after_stem else path_tensors(space),
        in_channels=space.stages[from_stage].channels,
        channels=space.stages[cell.stage].channels,
    )  # fmt: skip


def _prefixes(space: SearchSpace, stage: int) -> Tensor:
    """[widths, channels]: 1 where a width has the channel."""
    kept = torch.tensor([[stage_channels(space, stage, width)] for width in space.widths])
    return (torch.arange(space.stages[stage].channels) < kept).float()
