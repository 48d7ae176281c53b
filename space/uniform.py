"""Uniform designs of a space: every cell alike, every stage as wide and as deep as the others."""

from typing import Literal, get_args

from .errors import SpaceError
from .genotype import Genotype, Topology
from .search_space import KERNEL_SIZES, SearchSpace, groups

UniformKind = Literal["chain", "all-conv", "mixed-chain"]
OPERATION = "bconv3x3"


def uniform_kinds(space: SearchSpace) -> list[UniformKind]:
    """The kinds of uniform design whose primitives a space has."""
    return [kind for kind in get_args(UniformKind) if not _missing(space, _topology(space, kind))]


def uniform_genotype(
    space: SearchSpace, kind: UniformKind, *, depth: int, width: float
) -> Genotype:
    """The network of one kind of cell.

    "chain": each node reads the one before by a binary 3x3 convolution, and nothing else;
    "all-conv": it reads all before so; "mixed-chain": a chain whose nodes take the binary
    convolutions of the space by turns, those of small kernels first. depth: normal cells in every
    stage, or all of a stage that may have fewer. Raises SpaceError where the space has no such
    primitives, depth or width.
    """
    topology = _topology(space, kind)
    missing = _missing(space, topology)
    if missing:
        raise SpaceError(
            f"{space.name}: a uniform design of kind {kind} needs {', '.join(sorted(missing))}, "
            f"primitives are {space.primitives}; take another kind or a space that has all"
        )
    if not 0 <= depth <= most_cells(space):
        raise SpaceError(f"{space.name}: depth={depth} must be 0 to {most_cells(space)}")
    return Genotype(
        space,
        widths=(width,) * len(space.stages),
        depths=tuple(min(depth, stage.max_cells) for stage in space.stages),
        topologies=dict.fromkeys(groups(space), topology),
    )


def largest_genotype(space: SearchSpace) -> Genotype:
    """The network that convolves everything at full width and depth; as `uniform_genotype`."""
    return uniform_genotype(space, "all-conv", depth=most_cells(space), width=max(space.widths))


def most_cells(space: SearchSpace) -> int:
    """The most normal cells that any stage may have."""
    return max(stage.max_cells for stage in space.stages)


def _topology(space: SearchSpace, kind: UniformKind) -> Topology:
    operations = _mixed(space) if kind == "mixed-chain" else [OPERATION]
    by_node = [operations[node % len(operations)] for node in range(space.nodes)]
    return tuple(
        (operation if kind == "all-conv" else "none",) * node + (operation,)
        for node, operation in enumerate(by_node)
    )


def _mixed(space: SearchSpace) -> list[str]:
    """The convolutions of a mixed chain; where a space has fewer than two, what it lacks too."""
    found = [op for op in KERNEL_SIZES if op in space.primitives]
    return found if len(found) > 1 else ["bconv1x1", OPERATION]


def _missing(space: SearchSpace, topology: Topology) -> set[str]:
    return {op for ops in topology for op in ops} - set(space.primitives)
