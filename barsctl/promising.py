"""Which network to try next: the one of which those that were tried promise the least loss."""

import math
from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from space.genotype import Genotype, kept_cells
from space.search_space import stage_channels

Floats = NDArray[np.float64]
# Of the slopes' squares against the squared error, with features of mean 0 and deviation 1: there
# are few more trials than features, and none may explain a trial alone.
RIDGE = 0.3


def features(genotype: Genotype) -> list[float]:
    """Log2 of each stage's channels, and of 1 + the edges by primitive of the cells that are kept.

    Few features rank best after few trials, and the tenth convolution helps less than the second:
    see docs/results/search_findings.md.
    """
    space = genotype.space
    edges = Counter(
        primitive
        for cell in kept_cells(genotype)
        for primitives in genotype.topologies[cell.group]
        for primitive in primitives
    )
    channels = [stage_channels(space, *each) for each in enumerate(genotype.widths)]
    counts = (edges[each] for each in space.primitives if each != "none")
    return [*map(math.log2, channels), *(math.log2(1 + count) for count in counts)]


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
