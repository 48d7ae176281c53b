"""A graph of blocks as JSON (format 2; in 1 no convolution had a max pool)."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

from .blocks import BinaryConv, Block, Classifier, Conv, Pool, Sum
from .errors import SpaceError
from .graph import BlockGraph, Inputs, Node
from .strict_json import dump_strict, parse_strict

_KINDS: dict[str, TypeAdapter[Block]] = {
    "binary_conv": TypeAdapter(BinaryConv),
    "conv": TypeAdapter(Conv),
    "sum": TypeAdapter(Sum),
    "pool": TypeAdapter(Pool),
    "classifier": TypeAdapter(Classifier),
}
_NAMES = {BinaryConv: "binary_conv", Conv: "conv", Sum: "sum", Pool: "pool",
          Classifier: "classifier"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _NodeJson:
    name: str
    kind: str
    block: dict[str, Any]
    inputs: Inputs


@dataclass(frozen=True, slots=True)
class GraphJson:
    """A graph as JSON holds it; part of other files too."""

    format: Literal[1, 2]
    image_channels: int
    image_size: int
    classes: int
    nodes: tuple[_NodeJson, ...]


_ADAPTER = TypeAdapter(GraphJson)


def graph_to_json(graph: BlockGraph) -> str:
    """The graph as text."""
    return dump_strict(graph_document(graph), _ADAPTER)


def graph_from_json(text: str | bytes, *, what: str = "graph") -> BlockGraph:
    """The graph of a text. Raises SpaceError about `what` where it breaks a rule."""
    return graph_of(parse_strict(text, _ADAPTER, what=what))


def graph_document(graph: BlockGraph) -> GraphJson:
    """The graph as JSON holds it."""
    nodes = tuple(_node_json(node) for node in graph)
    return GraphJson(2, graph.image_channels, graph.image_size, graph.classes, nodes)


def graph_of(document: GraphJson) -> BlockGraph:
    """The graph that a document describes. Raises SpaceError where it breaks a rule."""
    graph = BlockGraph(document.image_channels, document.image_size, document.classes)
    for node in document.nodes:
        graph.add(node.name, _block(node, is_old=document.format == 1), node.inputs)
    classes = graph.output.block.out_channels
    if classes != graph.classes:
        raise SpaceError(
            f"graph: classes={graph.classes}, its classifier has {classes}; both must be equal: "
            "write the file again with this version"
        )
    return graph


def _node_json(node: Node) -> _NodeJson:
    kind = _NAMES[type(node.block)]
    block = _KINDS[kind].dump_python(node.block, mode="json")
    return _NodeJson(node.name, kind, block, node.inputs)


def _block(node: _NodeJson, *, is_old: bool) -> Block:
    """The block of a node; is_old: of a file of format 1."""
    if node.kind not in _KINDS:
        raise SpaceError(f"graph: {node.name}: kind {node.kind!r} must be one of {tuple(_KINDS)}")
    added = {"max_pool": None} if is_old and node.kind == "conv" else {}
    text = json.dumps({**node.block, **added})
    return parse_strict(text, _KINDS[node.kind], what=f"graph: {node.name}")
