"""Which network to try next: the one of which those that were tried promise the least loss."""

import math
from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from space.blocks import BinaryConv
from space.counts import counts
from space.decode import decode
from space.genotype import Genotype
from space.search_space import stage_size

Floats = NDArray[np.float64]
# Of the slopes' squares against the squared error, with features of mean 0 and deviation 1: there
# are few more trials than features, and none may explain a trial alone.
RIDGE = 0.3


def features(genotype: Genotype) -> list[float]:
    """For each stage, the cube root of the binary MACs that read feature maps of its size.

    These few rank best after few trials, in three searches: see docs/results/search_findings.md.
    """
    macs: Counter[int] = Counter()
    for block in decode(genotype).blocks:
        if isinstance(block, BinaryConv):
            macs[block.in_size] += counts(block).binary_macs
    space = genotype.space
    return [math.cbrt(macs[stage_size(space, stage)]) for stage in range(len(space.stages))]


def most_promising(described: Floats, losses: Mapping[int, float]) -> int:
    """The untried network of the least loss, as a ridge regression over the tried ones tells.

    described: features [networks, features]; losses: of networks that were tried, by their index.
    """
    deviations = described.std(axis=0)
    standard = (described - described.mean(axis=0)) / np.where(deviations > 0, deviations, 1.0)
    tried = standard[list(losses)]
    found = np.array(list(losses.values()))
    centred = tried - tried.mean(axis=0)
    squares = centred.T @ centred + RIDGE * np.eye(described.shape[1])
    slopes = np.linalg.solve(squares, centred.T @ (found - found.mean()))
    promised = standard @ slopes
    promised[list(losses)] = np.inf
    return int(promised.argmin())
