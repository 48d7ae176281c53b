"""Networks that compute the same, whatever choices describe them."""

from collections import defaultdict
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from space.computed import computed, without_unread
from space.decode import decode
from space.genotype import Genotype, Topology, choices_of, random_genotype
from space.nn.network import Network
from space.search_space import SearchSpace, Stage
from tests.barsctl.tiny_runs import SPACE

NARROW = replace(SPACE, stages=(Stage(16, 1),), path="narrow", sharing="kind")
IMAGES = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def topologies(space: SearchSpace) -> list[Genotype]:
    """A network of one cell of each topology."""
    start = random_genotype(space, np.random.default_rng(0))
    ops = space.primitives
    nodes = (product(ops, repeat=node) for node in range(1, space.nodes + 1))
    return [
        replace(start, depths=(1,), topologies={"normal": topology})
        for topology in product(*nodes)
        if all(set(node) != {"none"} for node in topology)
    ]


def outputs(genotype: Genotype) -> torch.Tensor:
    """Of a network whose parameters are all the same, also those of each node that one reads."""
    network = Network(decode(genotype), (0.5,), (0.5,))
    with torch.no_grad():
        for parameter in network.parameters():
            drawn = torch.Generator().manual_seed(0)
            channels, *rest = parameter.shape[1:] or (1,)
            own = torch.randn(len(parameter), min(channels, 8), *rest, generator=drawn)
            parameter.copy_(torch.cat([own] * (channels // own.shape[1]), 1).view_as(parameter))
        found: torch.Tensor = network(IMAGES)
    return found


@pytest.mark.parametrize("inner_shortcuts", [True, False])
@pytest.mark.parametrize("nodes", [2, 3])
def test_networks_of_equal_terms_compute_the_same(*, nodes: int, inner_shortcuts: bool) -> None:
    space = replace(NARROW, nodes=nodes, inner_shortcuts=inner_shortcuts)
    every = topologies(space)
    by_terms = defaultdict(list)
    for genotype in every[:: max(1, len(every) // 100)]:
        by_terms[computed(genotype)].append(outputs(genotype))
    assert max(map(len, by_terms.values())) > 1
    for first, *others in by_terms.values():
        assert all(torch.allclose(first, each, atol=1e-4) for each in others)


def normal(*topology: tuple[str, ...]) -> Genotype:
    return replace(topologies(NARROW)[0], topologies={"normal": topology})


def test_skips_and_what_nothing_reads_make_no_difference() -> None:
    convolution = "bconv3x3"
    alone = normal(("skip",), ("none", convolution))
    for same in (
        normal((convolution,), ("none", "skip")),
        normal(("skip",), (convolution, "none")),
        normal((convolution,), (convolution, "none")),
    ):
        assert computed(same) == computed(alone)
    assert computed(normal((convolution,), ("none", convolution))) != computed(alone)
    assert computed(normal((convolution,), ("skip", "skip"))) != computed(alone)
    assert without_unread(NARROW, choices_of(same)) != choices_of(same)


def test_wide_path_passes_on_every_node() -> None:
    def wide(*topology: tuple[str, ...]) -> Genotype:
        space = replace(NARROW, path="wide")
        return replace(normal(("skip",), ("skip", "none")), space=space, topologies={
            "normal": topology
        })  # fmt: skip

    first = wide(("bconv3x3",), ("none", "skip"))
    assert computed(first) != computed(wide(("skip",), ("none", "bconv3x3")))
    assert without_unread(first.space, choices_of(first)) == choices_of(first)


def test_dropped_cells_make_no_difference() -> None:
    def shallow(topology: Topology) -> Genotype:
        return replace(normal(*topology), depths=(0,))

    convolves, skips = (("bconv3x3",), ("none", "bconv3x3")), (("skip",), ("none", "skip"))
    assert computed(shallow(convolves)) == computed(shallow(skips))
    assert computed(normal(*convolves)) != computed(normal(*skips))
