"""A network as a graph of blocks, with its inputs by name."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import networkx as nx

from .blocks import BinaryConv, Block, Classifier, Conv, Pool, Sum, is_sign, ports
from .errors import SpaceError

IMAGE = "image"


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor: what `node` writes to `port`."""

    node: str
    port: str


IMAGE_VALUE = Value(IMAGE, "pixels")


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a block reads: the operator's sources, the inner shortcuts, the outer shortcut."""

    sources: tuple[Value, ...] = ()
    shortcuts: tuple[Value, ...] = ()
    outer: Value | None = None

    @property
    def values(self) -> tuple[Value, ...]:
        return self.sources + self.shortcuts + (() if self.outer is None else (self.outer,))


@dataclass(frozen=True, slots=True)
class Node:
    """A named block with its inputs."""

    name: str
    block: Block
    inputs: Inputs


@dataclass(frozen=True)
class BlockGraph:
    """A whole network: uint8 images [image_channels, image_size, image_size] to logits [classes].

    Nodes are added in execution order; each may read the image and earlier nodes only. The last
    node is the classifier.
    """

    image_channels: int
    image_size: int
    classes: int
    dag: "nx.DiGraph[str]" = field(default_factory=nx.DiGraph)

    def add(self, name: str, block: Block, inputs: Inputs) -> str:
        """Add a block after all earlier ones and return its name.

        Raises SpaceError where the name is taken or an input is missing or of the wrong shape.
        """
        if name in self.dag or name == IMAGE:
            raise SpaceError(f"node {name!r} is there already; give each block a name of its own")
        node = Node(name, block, inputs)
        _check_inputs(self, node)
        self.dag.add_node(name, node=node)
        for value in inputs.values:
            if value.node != IMAGE:
                self.dag.add_edge(value.node, name)
        return name

    def node(self, name: str) -> Node:
        node: Node = self.dag.nodes[name]["node"]
        return node

    def __iter__(self) -> Iterator[Node]:
        """All nodes in execution order."""
        return (self.node(name) for name in self.dag)

    @property
    def blocks(self) -> tuple[Block, ...]:
        return tuple(node.block for node in self)

    @property
    def output(self) -> Node:
        """The classifier. Raises SpaceError while the graph has none at its end."""
        nodes = list(self)
        if not nodes or not isinstance(nodes[-1].block, Classifier):
            raise SpaceError("a network ends in a Classifier; add one as the last block")
        return nodes[-1]

    def shape(self, value: Value) -> tuple[int, int]:
        """(channels, size) of a tensor. Raises SpaceError where nothing writes it."""
        if value == IMAGE_VALUE:
            return self.image_channels, self.image_size
        if value.node not in self.dag or value.port not in ports(self.node(value.node).block):
            raise SpaceError(f"{value}: no earlier block writes this; read what is there")
        block = self.node(value.node).block
        return block.out_channels, block.out_size


def _expected_sources(block: Block) -> tuple[tuple[int, int], ...]:
    match block:
        case BinaryConv():
            return tuple((channels, block.in_size) for channels in block.in_channels)
        case Conv() | Pool():
            return ((block.in_channels, block.in_size),)
        case Classifier():
            return tuple((channels, block.in_size) for channels in block.in_channels)
        case Sum():
            return ()


def _check_inputs(graph: BlockGraph, node: Node) -> None:
    block, inputs = node.block, node.inputs
    found = tuple(graph.shape(value) for value in inputs.sources)
    if found != _expected_sources(block):
        raise SpaceError(
            f"{node.name}: sources are (channels, size) {found}, {block} reads "
            f"{_expected_sources(block)}; connect tensors of those shapes"
        )
    reads_bits = isinstance(block, BinaryConv)
    if any(is_sign(value.port) != reads_bits for value in inputs.sources):
        raise SpaceError(f"{node.name}: binary convolutions read signs, all others real tensors")
    reads_image = isinstance(block, Conv) and block.image
    if any((value == IMAGE_VALUE) != reads_image for value in inputs.sources):
        raise SpaceError(f"{node.name}: the image is read by Conv(image=True), and by it alone")
    _check_shortcuts(graph, node)


def _check_shortcuts(graph: BlockGraph, node: Node) -> None:
    block, inputs = node.block, node.inputs
    expected = (0, False) if isinstance(block, Classifier) else (
        block.epilogue.shortcuts, block.epilogue.outer
    )  # fmt: skip
    if (len(inputs.shortcuts), inputs.outer is not None) != expected:
        raise SpaceError(f"{node.name}: shortcuts given do not fit {block}")
    added = inputs.shortcuts + (() if inputs.outer is None else (inputs.outer,))
    for value in added:
        shape = graph.shape(value)
        if shape != (block.out_channels, block.out_size) or is_sign(value.port):
            raise SpaceError(
                f"{node.name}: {value} is {shape} (channels, size), a shortcut here must be a real "
                f"tensor of {(block.out_channels, block.out_size)}"
            )
