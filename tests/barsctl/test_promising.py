from dataclasses import replace

import numpy as np
import pytest

from barsctl.promising import features, most_promising
from space.genotype import Topology, random_genotype
from tests.barsctl.tiny_runs import SPACE


def test_features_are_of_what_the_network_computes() -> None:
    genotype = random_genotype(SPACE, np.random.default_rng(0))
    convolves: Topology = (("bconv3x3",), ("skip", "bconv3x3"))
    skips: Topology = (("skip",), ("none", "skip"))
    topologies = {"s0c0": convolves, "s1r": convolves, "s1c0": skips}
    found = replace(genotype, widths=(0.5, 1.0), depths=(1, 0), topologies=topologies)
    # At 4x4 pixels a 1x1 convolution of 8 to 8 channels and two 3x3 ones, and one of stride 2 of 16
    # to 16 that reads them; two of 16 to 16 at the 2x2 behind it.
    reading_4 = 8 * 8 * 16 + 2 * 9 * 8 * 8 * 16 + 9 * 16 * 16 * 4
    reading_2 = 2 * 9 * 16 * 16 * 4
    assert features(found) == pytest.approx([reading_4 ** (1 / 3), reading_2 ** (1 / 3)])
    # Without the first stage's cell the reduction reads the 8 channels of the stem alone.
    fewer = 9 * 8 * 16 * 4
    assert features(replace(found, depths=(0, 0)))[0] == pytest.approx(fewer ** (1 / 3))


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
