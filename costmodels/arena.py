"""The arena as a budget: the bytes that a network's tensors and scratch buffers need as it runs.

The image is the caller's and not in it. The arena is about what is in use at once, so it does not
add up over blocks.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from space.cost_terms import Event
from space.decisions import Choices, decisions, op_decision
from space.decode import decode
from space.genotype import Genotype, genotype_of, kept_cells
from space.graph import BlockGraph
from space.search_space import SearchSpace, groups
from targets.lower import KernelCall, lower
from targets.memory import buffers, place
from targets.target import Target

from .arena_conflict import Options, crowded_calls
from .choices_budget import Conflict, SurrogateTerm
from .surrogate import fit_surrogate


def arena_bytes(graph: BlockGraph, target: Target) -> int:
    """The arena of a network's program of one thread."""
    return place(buffers(_variants(graph, target), threads=1)).arena_bytes


@dataclass(frozen=True, slots=True)
class ArenaBudget:
    """The most bytes that the arena of a program of one thread may have on a target."""

    space: SearchSpace
    target: Target
    limit: float
    name: str = "ram"
    unit: str = "bytes"

    def cost(self, choices: Choices) -> float:
        return arena_bytes(decode(genotype_of(self.space, choices)), self.target)

    def conflict(self, choices: Choices) -> Conflict | None:
        genotype = genotype_of(self.space, choices)
        variants = _variants(decode(genotype), self.target)
        found = buffers(variants, threads=1)
        plan = place(found)
        if plan.arena_bytes <= self.limit:
            return None
        if plan.lower_bound_bytes <= self.limit:
            # It would fit but for the gaps between buffers, for which no choice alone is to blame.
            return _events(_used_options(genotype, choices))
        crowded = crowded_calls(genotype, choices, variants[0], found, limit=self.limit)
        return _events(min(crowded, key=len))

    def smallest_found(self, kept: Mapping[str, int] = {}) -> float:
        return min(self.cost({**choices, **kept}) for choices in _sparse_choices(self.space))

    def surrogate(self, kept: Mapping[str, int] = {}) -> Sequence[SurrogateTerm]:
        return fit_surrogate(self.space, self.cost, limit=self.limit, kept=kept)


def _variants(graph: BlockGraph, target: Target) -> tuple[tuple[KernelCall, ...], ...]:
    return tuple(lower(graph, each.vector_unit) for each in target.processors)


def _events(options: Options) -> Conflict:
    return tuple(Event(name, allowed) for name, allowed in options.items())


def _used_options(genotype: Genotype, choices: Choices) -> Options:
    """Every choice but those of topologies that no cell of the network has."""
    used = {cell.group for cell in kept_cells(genotype)}
    unused = {
        op_decision(group, node, source)
        for group in groups(genotype.space)
        if group not in used
        for node in range(1, genotype.space.nodes + 1)
        for source in range(node)
    }
    return {name: frozenset({choice}) for name, choice in choices.items() if name not in unused}


def _sparse_choices(space: SearchSpace) -> Iterator[Choices]:
    """Narrow networks of every depth whose nodes read all, or (with `none`) one source, alike."""
    options = decisions(space)
    narrow = {
        name: space.widths.index(min(space.widths)) for name in options if name.startswith("width/")
    }
    depths = [name for name in options if name.startswith("depth/")]
    readings = list(_readings(space))
    for picks in product(*(range(len(options[name])) for name in depths)):
        for edges in readings:
            yield {**narrow, **dict(zip(depths, picks, strict=True)), **edges}


def _readings(space: SearchSpace) -> Iterator[Choices]:
    """Ops of all groups: each node reads its nearest, or its farthest, source by one primitive."""
    reading = [number for number, name in enumerate(space.primitives) if name != "none"]
    for option, nearest in product(reading, (True, False)):
        unread = space.primitives.index("none") if "none" in space.primitives else option
        yield {
            op_decision(group, node, source): option
            if source == (node - 1 if nearest else 0)
            else unread
            for group in groups(space)
            for node in range(1, space.nodes + 1)
            for source in range(node)
        }
