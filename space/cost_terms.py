"""Cost terms: the blocks of every network of a space, each with the choices that make it exist.

For every genotype the blocks of the terms whose events all hold are, as a multiset, the blocks of
`decode(genotype)`. So any cost that adds up over blocks is a sum over terms: of an exact network
where choices are given, in expectation where probabilities are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from .blocks import Block
from .cell_blocks import (
    WideShape,
    classifier_block,
    downsample_blocks,
    has_process,
    node_blocks,
    process_block,
    stem_block,
)
from .decisions import Choices, depth_decision, op_decision, width_decision
from .search_space import Cell, SearchSpace, cells, path_tensors, stage_channels, stage_size


@dataclass(frozen=True, slots=True)
class Event:
    """One of some options of a decision is chosen."""

    decision: str
    options: frozenset[int]

    def holds(self, choices: Choices) -> bool:
        return choices[self.decision] in self.options


@dataclass(frozen=True, slots=True)
class CostTerm:
    """A block that exists exactly where all events hold; each event is of another decision."""

    block: Block
    events: tuple[Event, ...]

    def holds(self, choices: Choices) -> bool:
        return all(event.holds(choices) for event in self.events)


Events = tuple[Event, ...]


def cost_terms(space: SearchSpace) -> tuple[CostTerm, ...]:
    """All terms of a space. Equal blocks are one object, so that pricing may go by block."""
    first_of: dict[Block, Block] = {}
    found = [*_stem_terms(space), *_classifier_terms(space)]
    for cell in cells(space):
        found += [*_process_terms(space, cell), *_downsample_terms(space, cell)]
        found += _node_terms(space, cell)
    return tuple(
        CostTerm(first_of.setdefault(term.block, term.block), term.events) for term in found
    )


def _width_states(space: SearchSpace, stage: int) -> list[tuple[Events, int]]:
    """(events, channels) for each width of a stage."""
    return [
        (
            _event(width_decision(stage), {option}, len(space.widths)),
            stage_channels(space, stage, width),
        )
        for option, width in enumerate(space.widths)
    ]


def _event(decision: str, options: set[int], option_count: int) -> Events:
    """The event as a tuple, empty where it always holds."""
    return () if len(options) == option_count else (Event(decision, frozenset(options)),)


def _depth_events(space: SearchSpace, stage: int, *, least: int, most: int) -> Events:
    options = set(range(least, most + 1))
    return _event(depth_decision(stage), options, space.stages[stage].max_cells + 1)


def _kept_events(space: SearchSpace, cell: Cell) -> Events:
    if cell.index is None:
        return ()
    most = space.stages[cell.stage].max_cells
    return _depth_events(space, cell.stage, least=cell.index + 1, most=most)


def _last_states(space: SearchSpace, stage: int, *, depth: int) -> list[tuple[Events, bool]]:
    """(events, whether nothing is kept after it) for what `depth` cells of a stage end in."""
    most = space.stages[stage].max_cells
    if stage + 1 < len(space.stages):
        return [(_depth_events(space, stage, least=depth, most=most), False)]
    states = [(_depth_events(space, stage, least=depth, most=depth), True)]
    if depth < most:
        states.append((_depth_events(space, stage, least=depth + 1, most=most), False))
    return states


def _end_states(space: SearchSpace, stage: int) -> list[tuple[Events, int]]:
    """(events, distinct wide tensors) of what a stage passes on: its cells', or the stem's."""
    most = space.stages[stage].max_cells
    if stage > 0 or space.stem_blocks == path_tensors(space):
        return [((), path_tensors(space))]
    states = [(_depth_events(space, 0, least=0, most=0), space.stem_blocks)]
    if most > 0:
        states.append((_depth_events(space, 0, least=1, most=most), path_tensors(space)))
    return states


def _input_states(space: SearchSpace, cell: Cell) -> Iterator[tuple[Events, WideShape]]:
    """(events, shape) of the wide value that a cell reads; of the depths, a reduction's alone."""
    if cell.index is None:
        for depth_events, tensors in _end_states(space, cell.stage - 1):
            for width_events, channels in _width_states(space, cell.stage - 1):
                size = stage_size(space, cell.stage - 1)
                yield depth_events + width_events, WideShape(tensors, channels, size)
        return
    after_stem = cell.stage == 0 and cell.index == 0
    tensors = space.stem_blocks if after_stem else path_tensors(space)
    for events, channels in _width_states(space, cell.stage):
        yield events, WideShape(tensors, channels, stage_size(space, cell.stage))


def _stem_terms(space: SearchSpace) -> Iterator[CostTerm]:
    for events, channels in _width_states(space, 0):
        for last_events, last in _last_states(space, 0, depth=0):
            term = CostTerm(stem_block(space, channels, last=last), events + last_events)
            yield from (term,) * space.stem_blocks


def _classifier_terms(space: SearchSpace) -> Iterator[CostTerm]:
    stage = len(space.stages) - 1
    for events, channels in _width_states(space, stage):
        for end_events, tensors in _end_states(space, stage):
            wide = WideShape(tensors, channels, stage_size(space, stage))
            yield CostTerm(classifier_block(space, wide), events + end_events)


def _process_terms(space: SearchSpace, cell: Cell) -> Iterator[CostTerm]:
    if not has_process(space, reduction=cell.is_reduction):
        return
    kept = _kept_events(space, cell)
    for input_events, wide in _input_states(space, cell):
        # A normal cell's input has its own stage's width, a reduction's the previous stage's.
        own = _width_states(space, cell.stage) if cell.is_reduction else [((), wide.channels)]
        for events, channels in own:
            block = process_block(space, wide, channels=channels, reduction=cell.is_reduction)
            yield CostTerm(block, kept + input_events + events)


def _downsample_terms(space: SearchSpace, cell: Cell) -> Iterator[CostTerm]:
    if not cell.is_reduction or not space.outer_shortcuts:
        return
    for input_events, wide in _input_states(space, cell):
        for events, channels in _width_states(space, cell.stage):
            for block in downsample_blocks(space, cell.stage, wide, channels=channels):
                yield from (CostTerm(block, input_events + events),) * wide.tensors


def _node_terms(space: SearchSpace, cell: Cell) -> Iterator[CostTerm]:
    size = stage_size(space, cell.stage)
    depth = 0 if cell.index is None else cell.index + 1
    states = product(_width_states(space, cell.stage), _last_states(space, cell.stage, depth=depth))
    edges = [
        (ops, _op_events(space, cell.group, ops))
        for node in range(1, space.nodes + 1)
        for ops in product(space.primitives, repeat=node)
        if set(ops) != {"none"}
    ]
    for (width_events, channels), (last_events, last) in states:
        for ops, op_events in edges:
            for block in node_blocks(space, ops, channels=channels, size=size, last=last):
                yield CostTerm(block, width_events + last_events + op_events)


def _op_events(space: SearchSpace, group: str, ops: tuple[str, ...]) -> Events:
    return tuple(
        event
        for source, op in enumerate(ops)
        for event in _event(
            op_decision(group, len(ops), source),
            {space.primitives.index(op)},
            len(space.primitives),
        )
    )
