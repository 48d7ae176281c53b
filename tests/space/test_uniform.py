"""Uniform designs: one topology, width and depth for all of a network."""

from dataclasses import replace

import pytest

from space.errors import SpaceError
from space.presets import SPACES
from space.search_space import groups
from space.uniform import most_cells, uniform_genotype, uniform_kinds

SPACE = SPACES["fashion"]


def test_chain_nodes_read_the_one_before() -> None:
    found = uniform_genotype(SPACE, "chain", depth=1, width=0.5)
    chain = (("bconv3x3",), ("none", "bconv3x3"), ("none", "none", "bconv3x3"))
    assert found.topologies == dict.fromkeys(groups(SPACE), chain)
    assert found.widths == (0.5, 0.5)


def test_all_conv_nodes_read_all_before() -> None:
    found = uniform_genotype(SPACE, "all-conv", depth=1, width=1.0)
    assert set(found.topologies.values()) == {(("bconv3x3",), ("bconv3x3",) * 2, ("bconv3x3",) * 3)}


def test_depth_ends_where_a_stage_does() -> None:
    # Stages of at most 1 and 2 normal cells.
    depths = [uniform_genotype(SPACE, "chain", depth=depth, width=1.0).depths for depth in range(3)]
    assert depths == [(0, 0), (1, 1), (1, 2)]
    assert most_cells(SPACE) == 2


def test_mixed_chains_take_convolutions_by_turns() -> None:
    three = replace(SPACE, primitives=("bconv5x5", "none", "bconv3x3", "bconv1x1"))
    chain = (("bconv1x1",), ("none", "bconv3x3"), ("none", "none", "bconv5x5"))
    found = uniform_genotype(three, "mixed-chain", depth=1, width=1.0)
    assert set(found.topologies.values()) == {chain}
    two = replace(three, primitives=("none", "bconv3x3", "bconv1x1"))
    found = uniform_genotype(two, "mixed-chain", depth=1, width=1.0)
    assert {nodes[2] for nodes in found.topologies.values()} == {("none", "none", "bconv1x1")}


def test_kinds_are_those_whose_primitives_are_there() -> None:
    assert uniform_kinds(SPACE) == ["chain", "all-conv"]
    assert uniform_kinds(replace(SPACE, primitives=("none", "bconv1x1", "bconv5x5"))) == [
        "mixed-chain"
    ]
    assert uniform_kinds(SPACES["fashion-small"]) == ["chain", "all-conv", "mixed-chain"]


def test_designs_outside_the_space_are_refused() -> None:
    without = replace(SPACE, primitives=("skip", "bconv3x3"))
    with pytest.raises(SpaceError, match="kind chain needs none, primitives are"):
        uniform_genotype(without, "chain", depth=0, width=1.0)
    assert uniform_genotype(without, "all-conv", depth=0, width=1.0)
    with pytest.raises(SpaceError, match="kind mixed-chain needs bconv1x1, none, primitives are"):
        uniform_genotype(without, "mixed-chain", depth=0, width=1.0)
    with pytest.raises(SpaceError, match="depth=3 must be 0 to 2"):
        uniform_genotype(SPACE, "chain", depth=3, width=1.0)
    with pytest.raises(SpaceError, match=r"width 0\.3 must be one of"):
        uniform_genotype(SPACE, "chain", depth=2, width=0.3)
