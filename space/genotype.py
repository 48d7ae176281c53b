"""Genotypes: one network of a space, and its file (JSON, format 1)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import TypeAdapter

from .atomic import write_atomically
from .decisions import (
    Choices,
    decisions,
    depth_decision,
    is_connected,
    node_decisions,
    op_decision,
    width_decision,
)
from .errors import SpaceError
from .search_space import LATER_SPACE_FIELDS, Cell, SearchSpace, cells, groups
from .strict_json import dump_strict, parse_strict

Topology = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Genotype:
    """One network of a space.

    widths and depths are per stage; topologies[group][i - 1][j] is the primitive from x_j to x_i,
    also of groups whose cells the depths drop.
    """

    space: SearchSpace
    widths: tuple[float, ...]
    depths: tuple[int, ...]
    topologies: dict[str, Topology]

    def __post_init__(self) -> None:
        _check_layout(self)
        _check_topologies(self)


def kept_cells(genotype: Genotype) -> tuple[Cell, ...]:
    """The cells of the network in execution order: reductions, and the first cells of a stage."""
    return tuple(
        cell
        for cell in cells(genotype.space)
        if cell.index is None or cell.index < genotype.depths[cell.stage]
    )


def _check_layout(genotype: Genotype) -> None:
    space = genotype.space
    for name, values in (("widths", genotype.widths), ("depths", genotype.depths)):
        if len(values) != len(space.stages):
            raise SpaceError(
                f"{name} {values} must have one entry for each of {len(space.stages)} stages"
            )
    for width in genotype.widths:
        if width not in space.widths:
            raise SpaceError(f"width {width} must be one of {space.widths}, as the space says")
    for depth, stage in zip(genotype.depths, space.stages, strict=True):
        if not 0 <= depth <= stage.max_cells:
            raise SpaceError(f"depth {depth} must be 0 to {stage.max_cells}, as the space says")


def _check_topologies(genotype: Genotype) -> None:
    space = genotype.space
    if tuple(genotype.topologies) != groups(space):
        raise SpaceError(
            f"topologies are of {tuple(genotype.topologies)}; must be of {groups(space)}, in order"
        )
    for group, topology in genotype.topologies.items():
        if tuple(len(ops) for ops in topology) != tuple(range(1, space.nodes + 1)):
            raise SpaceError(
                f"topology {group}: must have {space.nodes} nodes with 1 to {space.nodes} edges"
            )
        for node, ops in enumerate(topology, start=1):
            _check_ops(space, f"topology {group} node {node}", ops)


def _check_ops(space: SearchSpace, where: str, ops: tuple[str, ...]) -> None:
    unknown = [op for op in ops if op not in space.primitives]
    if unknown:
        raise SpaceError(f"{where}: primitive {unknown[0]!r} must be one of {space.primitives}")
    if set(ops) == {"none"}:
        raise SpaceError(f"{where}: edges are all 'none'; a node needs one that is not")


def genotype_of(space: SearchSpace, choices: Choices) -> Genotype:
    """The genotype that choices describe. Raises SpaceError where a choice breaks a rule."""
    options = decisions(space)
    if set(choices) != set(options):
        wrong = sorted(set(choices) ^ set(options))
        raise SpaceError(f"choices: {wrong[0]!r} is missing or unknown; choose once per decision")
    for name, choice in choices.items():
        if not 0 <= choice < len(options[name]):
            raise SpaceError(f"{name}: option {choice} must be 0 to {len(options[name]) - 1}")

    def op(group: str, node: int, source: int) -> str:
        return space.primitives[choices[op_decision(group, node, source)]]

    stages = range(len(space.stages))
    return Genotype(
        space,
        widths=tuple(space.widths[choices[width_decision(stage)]] for stage in stages),
        depths=tuple(choices[depth_decision(stage)] for stage in stages),
        topologies={
            group: tuple(
                tuple(op(group, node, source) for source in range(node))
                for node in range(1, space.nodes + 1)
            )
            for group in groups(space)
        },
    )


def choices_of(genotype: Genotype) -> Choices:
    """The choices that describe a genotype; genotype_of's inverse."""
    space = genotype.space
    found: Choices = {}
    for stage, (width, depth) in enumerate(zip(genotype.widths, genotype.depths, strict=True)):
        found[width_decision(stage)] = space.widths.index(width)
        found[depth_decision(stage)] = depth
    for group, topology in genotype.topologies.items():
        for node, ops in enumerate(topology, start=1):
            for source, op in enumerate(ops):
                found[op_decision(group, node, source)] = space.primitives.index(op)
    return found


def random_genotype(space: SearchSpace, rng: np.random.Generator) -> Genotype:
    """A genotype drawn uniformly: each choice alone, each node again until it is connected."""
    options = decisions(space)
    found = {name: int(rng.integers(len(values))) for name, values in options.items()}
    for edges in node_decisions(options).values():
        while not is_connected({edge: options[edge] for edge in edges}, found):
            found |= {edge: int(rng.integers(len(options[edge]))) for edge in edges}
    return genotype_of(space, found)


@dataclass(frozen=True, slots=True)
class _GenotypeFile:
    format: Literal[1]
    space: SearchSpace
    widths: tuple[float, ...]
    depths: tuple[int, ...]
    topologies: dict[str, Topology]


_ADAPTER = TypeAdapter(_GenotypeFile)


def to_json(genotype: Genotype) -> str:
    """The genotype's file content, with its space."""
    fields = (genotype.space, genotype.widths, genotype.depths, genotype.topologies)
    return dump_strict(_GenotypeFile(1, *fields), _ADAPTER)


def from_json(text: str | bytes, *, what: str = "genotype") -> Genotype:
    """The genotype of a file's content. Raises SpaceError about `what` where it breaks a rule."""
    file = parse_strict(text, _ADAPTER, what=what, later={"space": LATER_SPACE_FIELDS})
    return Genotype(file.space, file.widths, file.depths, file.topologies)


def write_genotype(genotype: Genotype, path: Path) -> None:
    """Write a genotype file."""
    write_atomically(path, to_json(genotype))


def read_genotype(path: Path) -> Genotype:
    """The genotype of a file. Raises SpaceError where it breaks a rule, OSError if unreadable."""
    return from_json(path.read_bytes(), what=str(path))
