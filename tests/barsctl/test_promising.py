from dataclasses import replace
from math import log2

import numpy as np
import pytest

from barsctl.promising import promise
from space.genotype import Topology, choices_of, random_genotype
from space.presets import named_space
from space.uniform import uniform_genotype
from tests.barsctl.tiny_runs import SPACE


def test_promise_is_of_what_the_network_computes_at_each_size() -> None:
    promised = promise(SPACE).of
    genotype = random_genotype(SPACE, np.random.default_rng(0))
    convolves: Topology = (("bconv3x3",), ("skip", "bconv3x3"))
    skips: Topology = (("skip",), ("none", "skip"))
    topologies = {"s0c0": convolves, "s1r": convolves, "s1c0": skips}
    found = replace(genotype, widths=(0.5, 1.0), depths=(1, 0), topologies=topologies)
    # At 4x4 pixels a 1x1 convolution of 8 to 8 channels and two 3x3 ones, and one of stride 2 of 16
    # to 16 that reads them; two of 16 to 16 at the 2x2 behind it. The wide path has 8 channels, and
    # 16 behind the reduction.
    reading_4 = [8 * 8 * 16, *[9 * 8 * 8 * 16] * 2, 9 * 16 * 16 * 4, 8 * 8 * 16]
    reading_2 = [*[9 * 16 * 16 * 4] * 2, 16 * 16 * 4]
    behind = log2(worth(reading_2)) + log2(16) / 3
    expected = 2 * (log2(worth(reading_4)) + log2(8) / 3) + behind
    assert promised(choices_of(found)) == pytest.approx(expected)
    # Without the first stage's cell the reduction reads the 8 channels of the stem alone.
    fewer = [9 * 8 * 16 * 4, 8 * 8 * 16]
    shallow = replace(found, depths=(0, 0))
    expected = 2 * (log2(worth(fewer)) + log2(8) / 3) + behind
    assert promised(choices_of(shallow)) == pytest.approx(expected)


def worth(macs: list[int]) -> float:
    return float(sum(each ** (2 / 3) for each in macs))


def test_convolution_that_nothing_reads_promises_nothing() -> None:
    space = named_space("fashion-small")

    def promised(normal: Topology) -> float:
        start = uniform_genotype(space, "chain", depth=1, width=0.5)
        found = replace(start, topologies={**start.topologies, "normal": normal})
        return promise(space).of(choices_of(found))

    unread = promised((("bconv3x3",), ("skip", "none")))
    assert unread == promised((("skip",), ("skip", "none")))
    assert unread < promised((("bconv3x3",), ("none", "skip")))
