"""Uniform designs: one topology, width and depth for all of a network."""

from dataclasses import replace

import pytest

from space.decode import decode
from space.errors import SpaceError
from space.presets import SPACES
from space.search_space import groups
from space.uniform import most_cells, uniform_genotype, uniform_genotypes

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


def test_all_kinds_depths_and_widths_are_listed() -> None:
    found = uniform_genotypes(SPACE)
    # 2 kinds, depths 0, 1 and 2, 3 widths.
    assert len({(each.kind, each.depth, each.width) for each in found}) == len(found) == 18
    assert most_cells(SPACE) == 2
    for each in found:
        assert decode(each.genotype).classes == 10


def test_designs_outside_the_space_are_refused() -> None:
    without = replace(SPACE, primitives=("skip", "bconv3x3"))
    with pytest.raises(SpaceError, match="kind chain needs none, primitives are"):
        uniform_genotype(without, "chain", depth=0, width=1.0)
    assert uniform_genotype(without, "all-conv", depth=0, width=1.0)
    with pytest.raises(SpaceError, match="depth=3 must be 0 to 2"):
        uniform_genotype(SPACE, "chain", depth=3, width=1.0)
    with pytest.raises(SpaceError, match=r"width 0\.3 must be one of"):
        uniform_genotype(SPACE, "chain", depth=2, width=0.3)
