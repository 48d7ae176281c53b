"""The decisions of a space: what a search chooses, each by a name and its options."""

from collections.abc import Mapping

from .search_space import SearchSpace, groups

Decisions = dict[str, tuple[str | float | int, ...]]
Choices = dict[str, int]


def width_decision(stage: int) -> str:
    """The share of its channels that a stage has."""
    return f"width/{stage}"


def depth_decision(stage: int) -> str:
    """How many normal cells a stage keeps, from its first on."""
    return f"depth/{stage}"


def op_decision(group: str, node: int, source: int) -> str:
    """The primitive on the edge from x_source into x_node."""
    return f"op/{group}/{node}/{source}"


def decisions(space: SearchSpace) -> Decisions:
    """Every decision with its options: widths, numbers of normal cells, primitives."""
    found: Decisions = {}
    for stage, description in enumerate(space.stages):
        found[width_decision(stage)] = space.widths
        found[depth_decision(stage)] = tuple(range(description.max_cells + 1))
    for group in groups(space):
        for node in range(1, space.nodes + 1):
            for source in range(node):
                found[op_decision(group, node, source)] = space.primitives
    return found


def node_decisions(names: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    """The op decisions of each node, by source: "op/{group}/{node}" -> its decisions."""
    found: dict[str, list[str]] = {}
    for name in names:
        if name.startswith("op/"):
            found.setdefault(name.rpartition("/")[0], []).append(name)
    return {node: tuple(edges) for node, edges in found.items()}


def edge_decisions(names: Mapping[str, object]) -> tuple[str, ...]:
    """The op decisions of all nodes."""
    return tuple(edge for edges in node_decisions(names).values() for edge in edges)


def is_connected(options: Mapping[str, tuple[str | float | int, ...]], choices: Choices) -> bool:
    """Whether every node has at least one edge that is not `none`."""
    return all(
        any(options[edge][choices[edge]] != "none" for edge in edges)
        for edges in node_decisions(options).values()
    )
