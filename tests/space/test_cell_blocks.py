"""The blocks of a cell for given edges."""

from dataclasses import replace

import pytest

from space.blocks import BinaryConv, Epilogue, Sum
from space.cell_blocks import (
    ConvGroup,
    conv_groups,
    inner_signs,
    node_blocks,
    output_sign,
    shortcut_sources,
    sign_port,
)
from space.errors import SpaceError
from tests.example_spaces import SMALL

EDGE = replace(SMALL, form="edge")
OPS = ("bconv3x3", "none", "bconv1x1", "skip", "bconv3x3")


def test_node_form_groups_edges_by_kernel_size() -> None:
    assert conv_groups("node", OPS) == (ConvGroup(1, (2,)), ConvGroup(3, (0, 4)))


def test_edge_form_has_a_group_per_conv_edge() -> None:
    assert conv_groups("edge", OPS) == (ConvGroup(3, (0,)), ConvGroup(1, (2,)), ConvGroup(3, (4,)))


def test_conv_and_skip_edges_pass_their_source() -> None:
    assert shortcut_sources(SMALL, OPS) == (0, 2, 3, 4)


def test_without_inner_shortcuts_a_skip_alone_passes() -> None:
    assert shortcut_sources(replace(SMALL, inner_shortcuts=False), OPS) == (3,)


def test_without_outer_shortcuts_the_inner_value_goes_on() -> None:
    """x_1 has a sign for x_2 and x_3, and one for the next cell; only a classifier reads x_3."""
    bare = replace(SMALL, outer_shortcuts=False)
    assert [output_sign(bare, node) for node in (1, 2, 3)] == [
        "inner_sign1", "inner_sign1", "inner_sign0",
    ]  # fmt: skip
    (first,) = node_blocks(bare, ("skip",), channels=16, size=8, last=False)
    assert first == Sum(16, 8, Epilogue(shortcuts=1, inner_signs=2))
    for last, epilogue in (
        (False, Epilogue(shortcuts=1, inner_stored=False, inner_signs=1)),
        (True, Epilogue(shortcuts=1)),
    ):
        (found,) = node_blocks(bare, ("none", "none", "skip"), channels=16, size=8, last=last)
        assert found == Sum(16, 8, epilogue)


def test_node_form_writes_one_sign_but_for_the_last_node() -> None:
    assert [inner_signs(SMALL, node) for node in range(4)] == [1, 1, 1, 0]
    assert sign_port("node", source=0, node=3) == "inner_sign0"


def test_edge_form_writes_a_sign_per_later_node() -> None:
    assert [inner_signs(EDGE, node) for node in range(4)] == [3, 2, 1, 0]
    ports = {sign_port("edge", source=1, node=node) for node in (2, 3)}
    assert ports == {"inner_sign0", "inner_sign1"}


def test_conv_edges_of_one_size_are_one_convolution() -> None:
    ops = ("bconv3x3", "skip", "bconv3x3")
    epilogue = Epilogue("prelu", shortcuts=3, inner_stored=False, outer=True, outer_signs=1)
    blocks = node_blocks(SMALL, ops, channels=16, size=8, last=False)
    assert blocks == (BinaryConv((16, 16), 16, 3, 1, 8, epilogue),)


def test_kernel_sizes_are_chained_by_partial_sums() -> None:
    blocks = node_blocks(SMALL, ("bconv3x3", "bconv1x1"), channels=16, size=8, last=True)
    last = Epilogue("prelu", shortcuts=3, inner_signs=1, outer=True)
    assert blocks == (
        BinaryConv((16,), 16, 1, 1, 8, Epilogue("prelu")),
        BinaryConv((16,), 16, 3, 1, 8, last),
    )


def test_edges_are_chained_in_edge_form() -> None:
    ops = ("bconv3x3", "bconv3x3", "bconv3x3")
    blocks = node_blocks(EDGE, ops, channels=16, size=8, last=False)
    last = Epilogue("prelu", shortcuts=4, inner_stored=False, outer=True, outer_signs=1)
    assert blocks == (
        BinaryConv((16,), 16, 3, 1, 8, Epilogue("prelu")),
        BinaryConv((16,), 16, 3, 1, 8, Epilogue("prelu", shortcuts=1)),
        BinaryConv((16,), 16, 3, 1, 8, last),
    )


def test_skips_alone_are_a_sum() -> None:
    (block,) = node_blocks(SMALL, ("skip", "none"), channels=16, size=8, last=False)
    assert block == Sum(16, 8, Epilogue(shortcuts=1, inner_signs=1, outer=True, outer_signs=1))


def test_node_of_nothing_is_refused() -> None:
    with pytest.raises(SpaceError, match=r"node 2: .* all 'none'"):
        node_blocks(SMALL, ("none", "none"), channels=16, size=8, last=False)
