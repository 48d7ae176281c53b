"""How promising a network is before anything of it is trained: by what it computes at each size."""

import math
from collections import Counter

from space.blocks import BinaryConv
from space.counts import counts
from space.decode import decode
from space.genotype import Genotype
from space.search_space import stage_channels, stage_size


def promise(genotype: Genotype) -> float:
    """Of two networks the one with more of it is the likelier to train better.

    The sum over feature map sizes of log2(size) * log2(work), where the work is the binary MACs
    that read maps of that size, and those of a 1x1 convolution on the wide path of each stage of
    it. More of one size pays less and less, and more pixels pay more. Its rank correlations with
    training losses and accuracies are in docs/results/search_findings.md.
    """
    space = genotype.space
    work: Counter[int] = Counter()
    for stage, width in enumerate(genotype.widths):
        size = stage_size(space, stage)
        work[size] += size**2 * stage_channels(space, stage, width) ** 2
    for block in decode(genotype).blocks:
        if isinstance(block, BinaryConv):
            work[block.in_size] += counts(block).binary_macs
    return sum(math.log2(size) * math.log2(macs) for size, macs in work.items())
