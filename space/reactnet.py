"""A network like ReActNet (Liu et al., ECCV 2020, arXiv 2003.03488): a binary MobileNet-V1.

A block is a binary 3x3 and a binary 1x1 convolution, each with a shortcut around it. Where channels
double, two 1x1 convolutions whose outputs are concatenated are one convolution here, to twice the
channels, and its shortcut is the input twice: the same numbers, from as many MACs. What differs:

- ReActNet's learned shifts before signs and around PReLUs have no parameters of their own: the
  batch norm before each sign, and that before each PReLU, take their place.
- The activation comes before the shortcut is added, as in all networks here, not behind it.
- Small images enter through a 3x3 convolution of stride 1 instead of 2.
- Odd sizes are halved by a max pool: ReActNet meets none in images of 224 pixels.
"""

from .blocks import Epilogue, Pool
from .graph import BlockGraph, Inputs
from .reference_names import Stem
from .reference_parts import (
    Features,
    StemShape,
    add_classifier,
    add_halving,
    add_residual,
    add_stem,
    first_stages,
)

BLOCKS = (1, 2, 2, 6, 2)


def reactnet(
    image_channels: int, image_size: int, classes: int,
    *, channels: int = 32, stem: Stem = "published", stages: int | None = None,
) -> BlockGraph:  # fmt: skip
    """A ReActNet-A: stages of 1, 2, 2, 6 and 2 blocks, the first of each doubling the channels.

    channels: of the stem. Raises SpaceError where these or the stages do not fit.
    """
    graph = BlockGraph(image_channels, image_size, classes)
    blocks = first_stages(BLOCKS, stages)
    features = add_stem(graph, channels, stem, large=StemShape(3, 2))
    for stage, count in enumerate(blocks):
        for index in range(count):
            name = f"s{stage}b{index}"
            shortcut = features
            if stage > 0 and index == 0:
                shortcut = add_halving(graph, f"{name}.pool", features)
            features = add_residual(
                graph, f"{name}.conv3x3", features, shortcut, kernel_size=3, last=False
            )
            shortcut = _add_twice(graph, f"{name}.twice", features) if index == 0 else features
            last = (stage, index) == (len(blocks) - 1, count - 1)
            features = add_residual(
                graph, f"{name}.conv1x1", features, shortcut, kernel_size=1, last=last
            )
    return add_classifier(graph, features)


def _add_twice(graph: BlockGraph, name: str, features: Features) -> Features:
    """The features with each channel a second time, behind all others."""
    channels = features.channels
    block = Pool("average", channels, 2 * channels, channels, 1, 1, features.size, Epilogue())
    added = graph.add(name, block, Inputs(sources=(features.real,)))
    return Features(added, 2 * channels, features.size)
