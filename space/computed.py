"""What networks compute, whatever choices describe it."""

from .decisions import Choices, op_decision
from .genotype import Genotype, choices_of, kept_cells
from .search_space import SearchSpace, groups

Terms = tuple[tuple[tuple[int, str], ...], ...]
"""Of each node in turn: which nodes it reads, and through which primitives."""


def computed(genotype: Genotype) -> tuple[object, ...]:
    """Equal for networks of a space that compute the same.

    Whatever cells are that the depths drop, and on a narrow path, where a cell passes on its last
    node alone, nodes that nothing reads or that only pass another one on.
    """
    space, kept = genotype.space, dict.fromkeys(cell.group for cell in kept_cells(genotype))
    cells: dict[str, object]
    if space.path == "wide":
        cells = {group: genotype.topologies[group] for group in kept}
    else:
        read = without_unread(space, choices_of(genotype))
        cells = {group: _terms(space, read, group) for group in kept}
    return genotype.widths, genotype.depths, tuple(cells.items())


def without_unread(space: SearchSpace, choices: Choices) -> Choices:
    """The choices with no edge into a node that nothing reads: a narrow path passes on the last."""
    if space.path == "wide" or "none" not in space.primitives:
        return choices
    none, found = space.primitives.index("none"), dict(choices)
    for group in groups(space):
        read = {space.nodes}
        for node in range(space.nodes, 0, -1):
            for source in range(node):
                edge = op_decision(group, node, source)
                if node not in read:
                    found[edge] = none
                elif found[edge] != none:
                    read.add(source)
    return found


def _terms(space: SearchSpace, choices: Choices, group: str) -> Terms:
    """Of the nodes of a topology that are read and compute something, and of what is passed on."""
    found: list[tuple[tuple[int, str], ...]] = []
    numbers = [0]  # of x_0, x_1, ...: equal where one is the other
    for node in range(1, space.nodes + 1):
        ops = [space.primitives[choices[op_decision(group, node, j)]] for j in range(node)]
        edges = sorted((numbers[j], op) for j, op in enumerate(ops) if op != "none")
        if [op for _, op in edges] == ["skip"]:
            numbers.append(edges[0][0])
        else:
            found += [tuple(edges)] if edges else []
            numbers.append(len(found))
    return (*found, ((numbers[-1], "skip"),))
