"""What networks compute, whatever choices describe it."""

from .decisions import Choices, op_decision
from .genotype import Genotype, choices_of, kept_cells
from .search_space import KERNEL_SIZES, SearchSpace, groups

Computed = tuple[object, ...]
Read = tuple[int, str, int]
"""Which value a node reads, through which primitive, and a convolution through which signs."""


def computed(genotype: Genotype) -> Computed:
    """Equal only for networks of a space that compute the same, with the same parameters.

    It does not tell cells that the depths drop, and on a narrow path, where a cell passes on its
    last node alone, neither nodes that nothing reads nor those that only pass another one on.
    """
    space, kept = genotype.space, dict.fromkeys(cell.group for cell in kept_cells(genotype))
    cells: dict[str, object]
    if space.path == "wide":
        cells = {group: genotype.topologies[group] for group in kept}
    else:
        read = without_unread(space, choices_of(genotype))
        cells = {group: _reads(space, read, group) for group in kept}
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


def _reads(space: SearchSpace, choices: Choices, group: str) -> tuple[tuple[Read, ...], ...]:
    """Of each node that is read and does more than pass one on, in order; then what is passed on.

    Of two nodes that are one value each still writes signs by thresholds of its own.
    """
    found: list[tuple[Read, ...]] = []
    values = [0]  # of x_0, x_1, ...: equal where one is the other
    signs: dict[int, int] = {}  # of nodes whose signs are read, in that order
    for node in range(1, space.nodes + 1):
        reads: list[Read] = []
        for source in range(node):
            op, sign = space.primitives[choices[op_decision(group, node, source)]], -1
            if op in KERNEL_SIZES:
                sign = signs.setdefault(source, len(signs))
            if op != "none":
                reads.append((values[source], op, sign))
        if [op for _, op, _ in reads] == ["skip"]:
            values.append(reads[0][0])
        else:
            found += [tuple(sorted(reads))] if reads else []
            values.append(len(found))
    return (*found, ((values[-1], "skip", -1),))
