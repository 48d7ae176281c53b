"""Decisions of a space, and the rule that every node is connected."""

from dataclasses import replace

from space.decisions import decisions, is_connected, node_decisions
from tests.example_spaces import SMALL, TINY


def test_decisions_of_a_tiny_space() -> None:
    primitives = ("none", "skip", "bconv3x3")
    assert decisions(TINY) == {
        "width/0": (0.5, 1.0),
        "depth/0": (0, 1),
        "op/s0c0/1/0": primitives,
        "op/s0c0/2/0": primitives,
        "op/s0c0/2/1": primitives,
    }


def test_shared_topologies_are_decided_once() -> None:
    alone, shared = decisions(SMALL), decisions(replace(SMALL, sharing="kind"))
    edges = 1 + 2 + 3
    assert len(alone) == 3 + 3 + 6 * edges
    assert len(shared) == 3 + 3 + 2 * edges


def test_node_decisions_keep_the_sources_order() -> None:
    assert node_decisions(decisions(TINY)) == {
        "op/s0c0/1": ("op/s0c0/1/0",),
        "op/s0c0/2": ("op/s0c0/2/0", "op/s0c0/2/1"),
    }


def test_node_of_nothing_but_none_is_not_connected() -> None:
    choices = {"width/0": 0, "depth/0": 0, "op/s0c0/1/0": 1, "op/s0c0/2/0": 0, "op/s0c0/2/1": 0}
    assert not is_connected(decisions(TINY), choices)
    assert is_connected(decisions(TINY), choices | {"op/s0c0/2/1": 2})
