"""Networks that compute the same, whatever choices describe them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from space.computed import computed, without_unread
from space.decode import decode
from space.genotype import Genotype, Topology, choices_of, random_genotype
from space.graph import BlockGraph, Value
from space.nn.network import Network
from space.search_space import SearchSpace, Stage
from tests.barsctl.tiny_runs import SPACE

CONV = "bconv3x3"
NARROW = replace(
    SPACE, stages=(Stage(16, 1), Stage(16, 0)), widths=(1.0,), path="narrow", sharing="kind"
)
IMAGES = 255 * torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0)).double()


def topologies(space: SearchSpace) -> list[Genotype]:
    """A network of one cell of each topology, and a reduction."""
    start = random_genotype(space, np.random.default_rng(0))
    ops = space.primitives
    nodes = (product(ops, repeat=node) for node in range(1, space.nodes + 1))
    return [
        replace(start, depths=(1, 0), topologies={**start.topologies, "normal": topology})
        for topology in product(*nodes)
        if all(set(node) != {"none"} for node in topology)
    ]


def read_nodes(graph: BlockGraph) -> list[str]:
    """The nodes that the output depends on, in order."""
    read = {graph.output.name}
    for node in reversed(list(graph)):
        if node.name in read:
            read |= {value.node for value in node.inputs.values}
    return [node.name for node in graph if node.name in read]


def draw(parameters: Iterable[torch.nn.Parameter], seed: int) -> None:
    """Other numbers for another seed, and the same for each node that a convolution reads."""
    for number, parameter in enumerate(parameters):
        drawn = torch.Generator().manual_seed(100 * seed + number)
        channels, *rest = parameter.shape[1:] or (1,)
        own = torch.randn(len(parameter), min(channels, 16), *rest, generator=drawn)
        parameter.copy_(torch.cat([own] * (channels // own.shape[1]), 1).view_as(parameter))


def outputs(genotype: Genotype) -> torch.Tensor:
    """Of a network whose parameters go by the order of the operators and signs that are read."""
    graph = decode(genotype)
    network = Network(graph, (0.5,), (0.5,)).double().eval()
    signs: dict[Value, int] = {}
    with torch.no_grad():
        draw(network.head.parameters(), 0)
        read = read_nodes(graph)[:-1]
        operators = [network.layer(name).operator for name in read]
        for number, operator in enumerate(filter(None, operators), start=1):
            draw(operator.parameters(), number)
        for name in read:
            for value in graph.node(name).inputs.sources:
                if value.port.startswith("inner_sign"):
                    sign = signs.setdefault(value, 1000 + len(signs))
                    draw(network.layer(value.node).sign(value.port).parameters(), sign)
        found: torch.Tensor = network(IMAGES)
    return found


@pytest.mark.parametrize("inner_shortcuts", [True, False])
@pytest.mark.parametrize(
    ("nodes", "primitives"),
    [
        (2, ("none", "skip", CONV)),
        (2, ("none", "skip", "bconv1x1", CONV)),
        (3, ("none", "skip", CONV)),
    ],
)
def test_networks_that_are_told_the_same_compute_the_same(
    nodes: int, primitives: tuple[str, ...], *, inner_shortcuts: bool
) -> None:
    space = replace(NARROW, nodes=nodes, primitives=primitives, inner_shortcuts=inner_shortcuts)
    by_key = defaultdict(list)
    for genotype in topologies(space):
        by_key[computed(genotype)].append(genotype)
    several = [found for found in by_key.values() if len(found) > 1]
    assert len(several) >= 3
    for first, *others in several:
        expected = outputs(first)
        for each in others[-4:]:
            torch.testing.assert_close(outputs(each), expected, rtol=1e-6, atol=1e-6)


def normal(*topology: tuple[str, ...], space: SearchSpace = NARROW) -> Genotype:
    return replace(topologies(space)[0], topologies={
        **topologies(space)[0].topologies, "normal": topology
    })  # fmt: skip


def test_skips_and_what_nothing_reads_make_no_difference() -> None:
    alone = computed(normal(("skip",), ("none", CONV)))
    assert computed(normal((CONV,), ("none", "skip"))) == alone
    assert computed(normal(("skip",), (CONV, "none"))) == alone
    unread = normal((CONV,), (CONV, "none"))
    assert computed(unread) == alone
    assert without_unread(NARROW, choices_of(unread)) != choices_of(unread)
    assert computed(normal((CONV,), ("none", CONV))) != alone
    assert computed(normal((CONV,), ("skip", "skip"))) != alone


def test_convolutions_and_signs_of_their_own_make_a_difference() -> None:
    """A node that passes another one on has thresholds of its own."""
    three = replace(NARROW, nodes=3)
    through_one = normal((CONV,), (CONV, "none"), (CONV, "skip", "none"), space=three)
    through_two = normal(("skip",), (CONV, "none"), ("none", CONV, "skip"), space=three)
    assert computed(through_one) != computed(through_two)
    of_two = normal((CONV,), (CONV, "none"), ("none", "skip", CONV), space=three)
    of_one = normal((CONV,), ("none", "skip"), ("none", "skip", CONV), space=three)
    assert computed(of_two) != computed(of_one)


def test_wide_path_passes_on_every_node() -> None:
    wide = replace(NARROW, path="wide")
    first = normal((CONV,), ("none", "skip"), space=wide)
    assert computed(first) != computed(normal(("skip",), ("none", CONV), space=wide))
    assert without_unread(wide, choices_of(first)) == choices_of(first)


def test_dropped_cells_make_no_difference() -> None:
    def shallow(topology: Topology) -> Genotype:
        return replace(normal(*topology), depths=(0, 0))

    convolves, skips = ((CONV,), ("none", CONV)), (("skip",), ("none", "skip"))
    assert computed(shallow(convolves)) == computed(shallow(skips))
    assert computed(normal(*convolves)) != computed(normal(*skips))
