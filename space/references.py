"""Hand-crafted binary networks as graphs, to train, price and compile beside searched ones.

XNOR-ResNet: the residual networks of He et al. with binary 3x3 convolutions and a shortcut around
each pair of them, as in XNOR-Net (Rastegari et al., 2016). Bi-Real: a shortcut around each
convolution, average-pooled at a reduction (Liu et al., 2018). See `reactnet` and `quicknet` for the
others. Activations are PReLU.

As published, images of 64 pixels and more enter through a 7x7 stride 2 convolution with a 3x3
stride 2 max pool (reactnet: 3x3 of stride 2), smaller ones through a 3x3 convolution. The stem
"strided" is 5x5 of stride 2, as `fashion` and `demo` have it. Every size can be halved, odd ones
too; `stages` takes the first stages only, for images that would end as a pixel.
"""

from typing import Literal, Protocol

from .blocks import BinaryConv, Conv, Epilogue
from .graph import BlockGraph, Inputs
from .quicknet import quicknet
from .reactnet import reactnet
from .reference_names import ReferenceName, Stem
from .reference_parts import (
    Features,
    add_classifier,
    add_halving,
    add_residual,
    add_stem,
    first_stages,
)

Downsample = Literal["float", "binary"]


class Reference(Protocol):
    """Builds a network for images of a size; channels: of its stem, a multiple of 8."""

    def __call__(
        self, image_channels: int, image_size: int, classes: int,
        *, channels: int = ..., stem: Stem = ..., stages: int | None = ...,
    ) -> BlockGraph: ...  # fmt: skip


def xnor_resnet18(
    image_channels: int, image_size: int, classes: int,
    *, channels: int = 64, stem: Stem = "published", stages: int | None = None,
    downsample: Downsample = "float",
) -> BlockGraph:  # fmt: skip
    """XNOR-ResNet-18: four stages of two pairs of convolutions, from `channels` on doubling."""
    graph = BlockGraph(image_channels, image_size, classes)
    pairs = first_stages((2, 2, 2, 2), stages)
    return _xnor(graph, pairs, channels=channels, stem=stem, downsample=downsample)


def xnor_resnet20(
    image_channels: int, image_size: int, classes: int,
    *, channels: int = 16, stem: Stem = "published", stages: int | None = None,
    downsample: Downsample = "float",
) -> BlockGraph:  # fmt: skip
    """XNOR-ResNet-20: three stages of three pairs of convolutions, from `channels` on doubling."""
    graph = BlockGraph(image_channels, image_size, classes)
    pairs = first_stages((3, 3, 3), stages)
    return _xnor(graph, pairs, channels=channels, stem=stem, downsample=downsample)


def bireal18(
    image_channels: int, image_size: int, classes: int,
    *, channels: int = 64, stem: Stem = "published", stages: int | None = None,
) -> BlockGraph:  # fmt: skip
    """Bi-Real-18: four stages of four convolutions, from `channels` on doubling.

    An odd size is halved by a max pool: Bi-Real meets none in images of 224 pixels.
    """
    graph = BlockGraph(image_channels, image_size, classes)
    layers = first_stages((4, 4, 4, 4), stages)
    features = add_stem(graph, channels, stem)
    for stage, count in enumerate(layers):
        for index in range(count):
            name = f"s{stage}l{index}"
            shortcut = features
            if stage > 0 and index == 0:
                shortcut = _add_pooled_projection(graph, name, features)
            last = (stage, index) == (len(layers) - 1, count - 1)
            features = add_residual(
                graph, f"{name}.conv", features, shortcut, kernel_size=3, last=last
            )
    return add_classifier(graph, features)


REFERENCES: dict[ReferenceName, Reference] = {
    "xnor-resnet-18": xnor_resnet18,
    "xnor-resnet-20": xnor_resnet20,
    "bireal-18": bireal18,
    "reactnet-like": reactnet,
    "quicknet-like": quicknet,
}


def _xnor(
    graph: BlockGraph, pairs: tuple[int, ...],
    *, channels: int, stem: Stem, downsample: Downsample,
) -> BlockGraph:  # fmt: skip
    features = add_stem(graph, channels, stem)
    for stage, count in enumerate(pairs):
        for index in range(count):
            last = (stage, index) == (len(pairs) - 1, count - 1)
            name = f"s{stage}b{index}"
            shortcut = features
            if stage > 0 and index == 0:
                shortcut = _add_projection(graph, name, features, downsample)
            features = _add_pair(graph, name, features, shortcut, last=last)
    return add_classifier(graph, features)


def _add_projection(
    graph: BlockGraph, name: str, features: Features, downsample: Downsample
) -> Features:
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
    return Features(added, channels, block.out_size)


def _add_pair(
    graph: BlockGraph, name: str, features: Features, shortcut: Features, *, last: bool
) -> Features:
    """Two 3x3 convolutions and the shortcut around both; the first takes its size."""
    stride = 1 if shortcut is features else 2
    first = BinaryConv(
        (features.channels,), shortcut.channels, 3, stride, features.size,
        Epilogue("prelu", inner_stored=False, inner_signs=1),
    )  # fmt: skip
    added = graph.add(f"{name}.conv0", first, Inputs(sources=(features.sign,)))
    middle = Features(added, shortcut.channels, shortcut.size)
    return add_residual(graph, f"{name}.conv1", middle, shortcut, kernel_size=3, last=last)


def _add_pooled_projection(graph: BlockGraph, name: str, features: Features) -> Features:
    """A pool that halves, and a real 1x1 convolution to twice the channels."""
    pooled = add_halving(graph, f"{name}.pool", features)
    channels = 2 * features.channels
    block = Conv(pooled.channels, channels, 1, 1, pooled.size, False, Epilogue())
    added = graph.add(f"{name}.down", block, Inputs(sources=(pooled.real,)))
    return Features(added, channels, pooled.size)
