import math
from dataclasses import replace

import numpy as np
import pytest

from barsctl.promising import features, most_promising
from space.genotype import Topology, random_genotype
from tests.barsctl.tiny_runs import SPACE


def test_features_describe_the_kept_cells() -> None:
    genotype = random_genotype(SPACE, np.random.default_rng(0))
    convolves: Topology = (("bconv3x3",), ("skip", "bconv3x3"))
    skips: Topology = (("skip",), ("none", "skip"))
    topologies = {"s0c0": convolves, "s1r": convolves, "s1c0": skips}
    found = replace(genotype, widths=(0.5, 1.0), depths=(1, 0), topologies=topologies)
    # 8 and 16 channels, a cell in the first stage alone, two convolutions and a skip there and in
    # the reduction.
    assert SPACE.primitives == ("none", "skip", "bconv3x3")
    assert features(found) == pytest.approx([3, 4, math.log2(3), math.log2(5)])
    # Without the first stage's cell, the convolutions of its topology are in no network.
    assert features(replace(found, depths=(0, 1))) == pytest.approx([3, 4, 2, math.log2(3)])


def test_least_loss_is_promised_along_the_slope() -> None:
    """The loss falls with the first feature; the second is the same everywhere."""
    described = np.array([[0.0, 7.0], [1.0, 7.0], [3.0, 7.0], [2.0, 7.0]])
    assert most_promising(described, {0: 1.0, 1: 0.5}) == 2
    assert most_promising(described, {0: 1.0, 1: 0.5, 2: 0.1}) == 3
    assert most_promising(described, {2: 1.0, 3: 0.5}) == 0


def test_linear_loss_is_found_in_few_trials() -> None:
    generator = np.random.default_rng(0)
    described = generator.normal(size=(300, 5)) * [1, 10, 0.1, 1, 1] + [0, 5, 0, 0, 0]
    planted = described @ [0.3, -0.1, 2.0, 0.0, 0.5]
    losses = {index: float(planted[index]) for index in range(4)}
    while len(losses) < 8:
        index = most_promising(described, losses)
        losses[index] = float(planted[index])
    assert min(losses, key=lambda each: losses[each]) == planted.argmin()
