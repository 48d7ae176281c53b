"""Uniform designs of a space: every cell alike, every stage as wide and as deep as the others."""

from dataclasses import dataclass
from typing import Literal, get_args

from .errors import SpaceError
from .genotype import Genotype, Topology
from .search_space import SearchSpace, groups

UniformKind = Literal["chain", "all-conv"]
OPERATION = "bconv3x3"


@dataclass(frozen=True, slots=True)
class Uniform:
    """A uniform design, and what it is named by; depth: see `uniform_genotype`."""

    kind: UniformKind
    depth: int
    width: float
    genotype: Genotype


def uniform_genotype(
    space: SearchSpace, kind: UniformKind, *, depth: int, width: float
) -> Genotype:
    """The network of one kind of cell.

    "chain": each node reads the one before by a binary 3x3 convolution, and nothing else;
    "all-conv": it reads all before so. depth: normal cells in every stage, or all of a stage that
    may have fewer. Raises SpaceError where the space has no such primitives, depth or width.
    """
    topology = _topology(space.nodes, kind)
    missing = {op for ops in topology for op in ops} - set(space.primitives)
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


def uniform_genotypes(space: SearchSpace) -> tuple[Uniform, ...]:
    """All uniform designs: of each kind, depth and width, in this order."""
    return tuple(
        Uniform(kind, depth, width, uniform_genotype(space, kind, depth=depth, width=width))
        for kind in get_args(UniformKind)
        for depth in range(most_cells(space) + 1)
        for width in space.widths
    )


def most_cells(space: SearchSpace) -> int:
    """The most normal cells that any stage may have."""
    return max(stage.max_cells for stage in space.stages)


def _topology(nodes: int, kind: UniformKind) -> Topology:
    unread = "none" if kind == "chain" else OPERATION
    return tuple((unread,) * node + (OPERATION,) for node in range(nodes))
