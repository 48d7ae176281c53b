"""From a genotype to its graph of blocks."""

from dataclasses import dataclass

from .cell_blocks import (
    WideShape,
    classifier_block,
    conv_groups,
    downsample_blocks,
    has_outer,
    has_process,
    node_blocks,
    output_real,
    output_sign,
    process_block,
    shortcut_sources,
    sign_port,
    stem_block,
)
from .genotype import Genotype, kept_cells
from .graph import IMAGE_VALUE, BlockGraph, Inputs, Value
from .search_space import Cell, path_tensors, stage_channels, stage_size


@dataclass(frozen=True, slots=True)
class _Wide:
    """A wide value in a graph: real tensors (maybe repeated), and their distinct signs."""

    reals: tuple[Value, ...]
    signs: tuple[Value, ...]
    channels: int
    size: int

    @property
    def distinct(self) -> tuple[Value, ...]:
        return tuple(dict.fromkeys(self.reals))

    @property
    def shape(self) -> WideShape:
        return WideShape(len(self.distinct), self.channels, self.size)


def decode(genotype: Genotype) -> BlockGraph:
    """The network that a genotype describes.

    Nodes are named stem | stem{b}, {cell}.process, {cell}.pool{i}, {cell}.down{i}, {cell}.node{i}
    and classifier, cells s{stage}r and s{stage}c{index}, b and i from 1; the parts of a node that
    is a chain of blocks are {cell}.node{i}.k0, .k1, ..., and {cell}.node{i} at the end.
    """
    space = genotype.space
    graph = BlockGraph(space.image_channels, space.image_size, space.classes)
    kept = kept_cells(genotype)
    wide = _add_stem(graph, genotype, last=not kept)
    for cell in kept:
        wide = _add_cell(graph, genotype, cell, wide=wide, last=cell == kept[-1])
    graph.add("classifier", classifier_block(space, wide.shape), Inputs(sources=wide.distinct))
    return graph


def _add_stem(graph: BlockGraph, genotype: Genotype, *, last: bool) -> _Wide:
    space = genotype.space
    channels = stage_channels(space, 0, genotype.widths[0])
    block = stem_block(space, channels, last=last)
    numbers = range(1, space.stem_blocks + 1)
    names = ["stem"] if space.stem_blocks == 1 else [f"stem{number}" for number in numbers]
    for name in names:
        graph.add(name, block, Inputs(sources=(IMAGE_VALUE,)))
    reals = tuple(Value(name, "inner") for name in names) * (path_tensors(space) // len(names))
    signs = () if last else tuple(Value(name, "inner_sign0") for name in names)
    return _Wide(reals, signs, channels, block.out_size)


def _add_cell(
    graph: BlockGraph, genotype: Genotype, cell: Cell, *, wide: _Wide, last: bool
) -> _Wide:
    space = genotype.space
    channels = stage_channels(space, cell.stage, genotype.widths[cell.stage])
    outers: tuple[Value, ...] = ()
    if space.outer_shortcuts:
        outers = _add_downsample(graph, genotype, cell, wide) if cell.is_reduction else wide.reals
    if has_process(space, reduction=cell.is_reduction):
        process = process_block(space, wide.shape, channels=channels, reduction=cell.is_reduction)
        shortcuts = () if has_outer(space) else outers
        inner = [graph.add(f"{cell.name}.process", process, Inputs(wide.signs, shortcuts))]
    else:
        inner = [wide.reals[0].node]
    at_nodes = outers if has_outer(space) else (None,) * space.nodes
    for ops, outer in zip(genotype.topologies[cell.group], at_nodes, strict=True):
        inner.append(_add_node(graph, genotype, cell, ops=ops, inner=inner, outer=outer, last=last))
    passed_on = list(enumerate(inner))[-path_tensors(space) :]
    signs = [] if last else [Value(name, output_sign(space, node)) for node, name in passed_on]
    reals = [Value(name, output_real(space)) for _, name in passed_on]
    return _Wide(tuple(reals), tuple(signs), channels, stage_size(space, cell.stage))


def _add_downsample(
    graph: BlockGraph, genotype: Genotype, cell: Cell, wide: _Wide
) -> tuple[Value, ...]:
    space = genotype.space
    channels = stage_channels(space, cell.stage, genotype.widths[cell.stage])
    *pools, block = downsample_blocks(space, cell.stage, wide.shape, channels=channels)
    outers = {}
    for number, value in enumerate(wide.distinct, start=1):
        source = value
        for pool in pools:
            added = graph.add(f"{cell.name}.pool{number}", pool, Inputs(sources=(source,)))
            source = Value(added, "inner")
        name = graph.add(f"{cell.name}.down{number}", block, Inputs(sources=(source,)))
        outers[value] = Value(name, "inner")
    return tuple(outers[value] for value in wide.reals)


def _add_node(
    graph: BlockGraph, genotype: Genotype, cell: Cell, *,
    ops: tuple[str, ...], inner: list[str], outer: Value | None, last: bool,
) -> str:  # fmt: skip
    """Add the chain of one node and return the name of its last block."""
    space = genotype.space
    channels = stage_channels(space, cell.stage, genotype.widths[cell.stage])
    size = stage_size(space, cell.stage)
    *parts, block = node_blocks(space, ops, channels=channels, size=size, last=last)
    node = len(ops)
    sources = [
        tuple(Value(inner[j], sign_port(space.form, source=j, node=node)) for j in group.sources)
        for group in conv_groups(space.form, ops)
    ] or [()]
    name = f"{cell.name}.node{node}"
    partial: tuple[Value, ...] = ()
    for number, part in enumerate(parts):
        added = graph.add(f"{name}.k{number}", part, Inputs(sources[number], partial))
        partial = (Value(added, "inner"),)
    shortcuts = partial + tuple(Value(inner[j], "inner") for j in shortcut_sources(space, ops))
    return graph.add(name, block, Inputs(sources[-1], shortcuts, outer))
