"""Hand-crafted binary networks as graphs, to train, price and compile beside searched ones.

XNOR-ResNet: the residual networks of He et al. with binary 3x3 convolutions and a shortcut around
each pair of them, as in XNOR-Net (Rastegari et al., 2016). Bi-Real: a shortcut around each
convolution, average-pooled at a reduction (Liu et al., 2018). Images of 64 pixels and more enter
through a 7x7 stride 2 convolution with a 3x3 stride 2 max pool, smaller ones through a 3x3
convolution. Activations are PReLU.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .blocks import BinaryConv, Classifier, Conv, Epilogue, MaxPool, Pool
from .errors import SpaceError
from .graph import IMAGE_VALUE, BlockGraph, Inputs, Value
from .reference_names import ReferenceName

Downsample = Literal["float", "binary"]
LARGE_IMAGE_SIZE = 64


@dataclass(frozen=True, slots=True)
class _Features:
    """A real tensor in a graph, and its sign where the block that writes it has one."""

    node: str
    channels: int
    size: int

    @property
    def real(self) -> Value:
        return Value(self.node, "inner")

    @property
    def sign(self) -> Value:
        return Value(self.node, "inner_sign0")


def xnor_resnet18(
    image_channels: int, image_size: int, classes: int,
    *, channels: int = 64, downsample: Downsample = "float",
) -> BlockGraph:  # fmt: skip
    """XNOR-ResNet-18: four stages of two pairs of convolutions, from `channels` on doubling."""
    graph = BlockGraph(image_channels, image_size, classes)
    return _xnor(graph, (2, 2, 2, 2), channels=channels, downsample=downsample)


def xnor_resnet20(
    image_channels: int, image_size: int, classes: int,
    *, channels: int = 16, downsample: Downsample = "float",
) -> BlockGraph:  # fmt: skip
    """XNOR-ResNet-20: three stages of three pairs of convolutions, from `channels` on doubling."""
    graph = BlockGraph(image_channels, image_size, classes)
    return _xnor(graph, (3, 3, 3), channels=channels, downsample=downsample)


def bireal18(
    image_channels: int, image_size: int, classes: int, *, channels: int = 64
) -> BlockGraph:
    """Bi-Real-18: four stages of four convolutions, from `channels` on doubling.

    Raises SpaceError where a reduction would halve an odd size.
    """
    graph = BlockGraph(image_channels, image_size, classes)
    features = _add_stem(graph, channels)
    for stage in range(4):
        for index in range(4):
            last = (stage, index) == (3, 3)
            stride = 2 if stage > 0 and index == 0 else 1
            features = _add_bireal_layer(graph, f"s{stage}l{index}", features, stride, last=last)
    return _add_classifier(graph, features)


REFERENCES: dict[ReferenceName, Callable[[int, int, int], BlockGraph]] = {
    "xnor-resnet-18": xnor_resnet18,
    "xnor-resnet-20": xnor_resnet20,
    "bireal-18": bireal18,
}


def _xnor(
    graph: BlockGraph, pairs: tuple[int, ...], *, channels: int, downsample: Downsample
) -> BlockGraph:
    features = _add_stem(graph, channels)
    for stage, count in enumerate(pairs):
        for index in range(count):
            last = (stage, index) == (len(pairs) - 1, count - 1)
            name = f"s{stage}b{index}"
            if stage > 0 and index == 0:
                shortcut = _add_projection(graph, name, features, downsample)
                features = _add_pair(graph, name, features, shortcut, last=last)
            else:
                features = _add_pair(graph, name, features, features, last=last)
    return _add_classifier(graph, features)


def _add_stem(graph: BlockGraph, channels: int) -> _Features:
    large = graph.image_size >= LARGE_IMAGE_SIZE
    kernel_size, stride = (7, 2) if large else (3, 1)
    stem = Conv(
        graph.image_channels, channels, kernel_size, stride, graph.image_size, image=True,
        epilogue=Epilogue(inner_signs=1), max_pool=MaxPool(3, 2) if large else None,
    )  # fmt: skip
    name = graph.add("stem", stem, Inputs(sources=(IMAGE_VALUE,)))
    return _Features(name, channels, stem.out_size)


def _add_projection(
    graph: BlockGraph, name: str, features: _Features, downsample: Downsample
) -> _Features:
    """A 1x1 stride 2 convolution to twice the channels, with real or binary weights and inputs."""
    channels = 2 * features.channels
    block: Conv | BinaryConv
    if downsample == "float":
        block = Conv(features.channels, channels, 1, 2, features.size, False, Epilogue())
        source = features.real
    else:
        block = BinaryConv((features.channels,), channels, 1, 2, features.size, Epilogue())
        source = features.sign
    added = graph.add(f"{name}.down", block, Inputs(sources=(source,)))
    return _Features(added, channels, block.out_size)


def _add_pair(
    graph: BlockGraph, name: str, features: _Features, shortcut: _Features, *, last: bool
) -> _Features:
    """Two 3x3 convolutions and the shortcut around both; the first takes its size."""
    stride = 1 if shortcut is features else 2
    first = BinaryConv(
        (features.channels,), shortcut.channels, 3, stride, features.size,
        Epilogue("prelu", inner_stored=False, inner_signs=1),
    )  # fmt: skip
    middle = graph.add(f"{name}.conv0", first, Inputs(sources=(features.sign,)))
    second = BinaryConv(
        (shortcut.channels,), shortcut.channels, 3, 1, shortcut.size,
        Epilogue("prelu", shortcuts=1, inner_signs=0 if last else 1),
    )  # fmt: skip
    sources = (Value(middle, "inner_sign0"),)
    added = graph.add(f"{name}.conv1", second, Inputs(sources, shortcuts=(shortcut.real,)))
    return _Features(added, shortcut.channels, shortcut.size)


def _add_bireal_layer(
    graph: BlockGraph, name: str, features: _Features, stride: int, *, last: bool
) -> _Features:
    shortcut = features if stride == 1 else _add_pooled_projection(graph, name, features)
    block = BinaryConv(
        (features.channels,), shortcut.channels, 3, stride, features.size,
        Epilogue("prelu", shortcuts=1, inner_signs=0 if last else 1),
    )  # fmt: skip
    added = graph.add(f"{name}.conv", block, Inputs((features.sign,), (shortcut.real,)))
    return _Features(added, shortcut.channels, shortcut.size)


def _add_pooled_projection(graph: BlockGraph, name: str, features: _Features) -> _Features:
    """A 2x2 average pool and a real 1x1 convolution to twice the channels."""
    if features.size % 2:
        raise SpaceError(
            f"{name}: reduces tensors of {features.size} pixels, must be an even size; take images "
            "whose size can be halved at every reduction, such as 32 or 224"
        )
    channels, size = features.channels, features.size
    pool = Pool("average", channels, channels, channels, 2, 2, size, Epilogue())
    pooled = graph.add(f"{name}.pool", pool, Inputs(sources=(features.real,)))
    block = Conv(channels, 2 * channels, 1, 1, pool.out_size, False, Epilogue())
    added = graph.add(f"{name}.down", block, Inputs(sources=(Value(pooled, "inner"),)))
    return _Features(added, 2 * channels, pool.out_size)


def _add_classifier(graph: BlockGraph, features: _Features) -> BlockGraph:
    block = Classifier((features.channels,), graph.classes, features.size)
    graph.add("classifier", block, Inputs(sources=(features.real,)))
    return graph
