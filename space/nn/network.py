"""A graph of blocks as a torch module."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from space.blocks import Classifier, ports
from space.errors import SpaceError
from space.graph import IMAGE_VALUE, BlockGraph, Inputs, Value

from .layers import BlockLayer, ClassifierOperator, operator_module


class Network(nn.Module):
    """The network that a graph describes, with a submodule per node.

    pixel_mean, pixel_std: one number per image channel, in pixel values 0..255.
    """

    def __init__(
        self, graph: BlockGraph, pixel_mean: Sequence[float], pixel_std: Sequence[float]
    ) -> None:
        super().__init__()
        self.graph = graph
        mean, std = pixel_statistics(graph.image_channels, pixel_mean, pixel_std)
        read = live_values(graph)
        self.classifier = graph.output.name
        layers: dict[str, nn.Module] = {}
        for node in graph:
            operator = operator_module(node.block, mean, std)
            live_ports = {value.port for value in read if value.node == node.name}
            if isinstance(node.block, Classifier):
                assert operator is not None
                layers[_key(node.name)] = operator
            else:
                layers[_key(node.name)] = BlockLayer(node.block, operator, live_ports)
        self.layers = nn.ModuleDict(layers)
        self._dead_after = dead_after(graph)

    def layer(self, name: str) -> BlockLayer:
        """The layer of a node that is not the classifier."""
        layer = self.layers[_key(name)]
        assert isinstance(layer, BlockLayer)
        return layer

    @property
    def head(self) -> ClassifierOperator:
        """The classifier's layer."""
        head = self.layers[_key(self.classifier)]
        assert isinstance(head, ClassifierOperator)
        return head

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits [images, classes] of pixels 0..255 [images, channels, size, size], any dtype."""
        values = {IMAGE_VALUE: self._pixels(pixels)}
        for node in self.graph:
            if node.name == self.classifier:
                break
            values |= self._written(node.name, node.inputs, values)
            for value in self._dead_after[node.name]:
                values.pop(value, None)
        return self._logits(values)

    def values(self, pixels: Tensor) -> dict[Value, Tensor]:
        """Every tensor: the inner and outer values of all nodes, live bits, and the logits."""
        values = {IMAGE_VALUE: self._pixels(pixels)}
        for node in self.graph:
            if node.name != self.classifier:
                values |= self._written(node.name, node.inputs, values)
        values[Value(self.classifier, "logits")] = self._logits(values)
        del values[IMAGE_VALUE]
        return values

    def _pixels(self, pixels: Tensor) -> Tensor:
        return pixels.to(self.head.dense.weight.dtype)

    def _written(
        self, name: str, inputs: Inputs, values: dict[Value, Tensor]
    ) -> dict[Value, Tensor]:
        sources = [values[value] for value in inputs.sources]
        shortcuts = [values[value] for value in inputs.shortcuts]
        outer = None if inputs.outer is None else values[inputs.outer]
        written = self.layer(name)(sources, shortcuts, outer)
        return {Value(name, port): tensor for port, tensor in written.items()}

    def _logits(self, values: dict[Value, Tensor]) -> Tensor:
        sources = self.graph.node(self.classifier).inputs.sources
        logits: Tensor = self.head([values[value] for value in sources])
        return logits


def pixel_statistics(
    image_channels: int, pixel_mean: Sequence[float], pixel_std: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """Mean and std as tensors [channels]. Raises SpaceError where they do not fit the image."""
    if not len(pixel_mean) == len(pixel_std) == image_channels or min(pixel_std) <= 0:
        raise SpaceError(
            f"pixel_mean={tuple(pixel_mean)}, pixel_std={tuple(pixel_std)}: give a mean and a std "
            f"above 0 for each of {image_channels} image channels, in pixel values 0..255"
        )
    return torch.tensor(list(pixel_mean)), torch.tensor(list(pixel_std))


def live_values(graph: BlockGraph) -> frozenset[Value]:
    """The values that some block reads."""
    return frozenset(value for node in graph for value in node.inputs.values)


def dead_after(graph: BlockGraph) -> dict[str, tuple[Value, ...]]:
    """The values that nothing reads any more once a node has run, by the node's name.

    Values that nothing reads at all are dead after the node that writes them.
    """
    last_reader = {
        Value(node.name, port): node.name
        for node in graph
        if not isinstance(node.block, Classifier)
        for port in ("inner", "outer", *ports(node.block))
    }
    for node in graph:
        last_reader |= dict.fromkeys(node.inputs.values, node.name)
    found: dict[str, tuple[Value, ...]] = {node.name: () for node in graph}
    for value, name in last_reader.items():
        found[name] += (value,)
    return found


_TAKEN = frozenset(dir(nn.ModuleDict()))


def _key(name: str) -> str:
    # torch allows no dots in a submodule's name, and no name that a dictionary's attribute has.
    key = name.replace(".", "/")
    return f"{key}/" if key in _TAKEN else key
