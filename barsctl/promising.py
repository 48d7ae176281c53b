"""How promising a network is before anything of it is trained: by what it computes at each size."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from costmodels.term_index import TermIndex, held_terms, term_index
from space.blocks import BinaryConv
from space.computed import without_unread
from space.cost_terms import cost_terms
from space.counts import counts
from space.decisions import Choices, width_decision
from space.search_space import SearchSpace, stage_channels, stage_size

# A convolution of 8 times the MACs is worth 4: how many there are counts beside their sizes.
MACS_POWER = 2 / 3
CHANNELS_POWER = 1 / 3


@dataclass(frozen=True, eq=False, slots=True)
class Promise:
    """Of two networks of a space the one that promises more is the likelier to train better.

    sizes: of feature maps [stages]. work: of binary convolutions that read maps of each size, by
    block [terms, stages]. wide_work: of 1x1 convolutions on the path across a stage, by option of
    its width, and channels of these [stages, widths].
    """

    space: SearchSpace
    index: TermIndex
    sizes: NDArray[np.intp]
    work: NDArray[np.float64]
    wide_work: NDArray[np.float64]
    channels: NDArray[np.float64]

    def of(self, choices: Choices) -> float:
        """The sum over feature map sizes of log2(size) * log2(work * channels ** (1 / 3)).

        The work is that of the binary convolutions that read maps of the size and are read in turn,
        each one's MACs to the power of 2 / 3, and that of a 1x1 convolution from the stage's
        channels to as many. More of one size pays less and less, and more pixels pay more. Its rank
        correlations with losses and accuracies are in docs/results/search_findings.md.
        """
        work = held_terms(self.index, without_unread(self.space, choices)) @ self.work
        stages = np.arange(len(self.sizes))
        widths = [choices[width_decision(stage)] for stage in stages.tolist()]
        work += self.wide_work[stages, widths]
        worth = np.log2(work) + CHANNELS_POWER * np.log2(self.channels[stages, widths])
        return float(np.log2(self.sizes) @ worth)


def promise(space: SearchSpace) -> Promise:
    """What the networks of a space promise; build it once."""
    stages, terms = range(len(space.stages)), cost_terms(space)
    sizes = [stage_size(space, stage) for stage in stages]
    macs = np.zeros((len(terms), len(sizes)))
    for row, term in zip(macs, terms, strict=True):
        if isinstance(term.block, BinaryConv):
            row[sizes.index(term.block.in_size)] = counts(term.block).binary_macs
    channels = np.array([
        [stage_channels(space, stage, width) for width in space.widths] for stage in stages
    ], float)  # fmt: skip
    wide_macs = (np.array(sizes)[:, None] * channels) ** 2
    work, wide_work = macs**MACS_POWER, wide_macs**MACS_POWER
    return Promise(space, term_index(terms), np.array(sizes), work, wide_work, channels)
