"""A network like QuickNet (Bannink et al., MLSys 2021, arXiv 2011.09398).

Sections of binary 3x3 convolutions with a shortcut around each; between them transitions of a max
pool and a real 1x1 convolution to twice the channels. What differs:

- QuickNet's convolutions end in ReLU, then a batch norm. Here a batch norm comes first and a PReLU
  behind it, in a kernel that takes as long: a ReLU's is the same one.
- Its transitions blur what they pool by a fixed depthwise convolution; here the max pool has
  windows of 3x3 and stride 2, and nothing is blurred. The ReLU before it is left out.
- Its stem, a strided convolution and a strided depthwise one, is that of ResNet here, or 3x3.
- Its sections have 64, 128, 256 and 512 channels; here they double from any number on.
"""

from .blocks import Conv, Epilogue, Pool
from .graph import BlockGraph, Inputs, Value
from .reference_names import Stem
from .reference_parts import Features, add_classifier, add_residual, add_stem, first_stages

LAYERS = (4, 4, 4, 4)


def quicknet(
    image_channels: int, image_size: int, classes: int,
    *, channels: int = 64, stem: Stem = "published", stages: int | None = None,
) -> BlockGraph:  # fmt: skip
    """QuickNet's four sections of four layers, from `channels` on doubling.

    Raises SpaceError where channels or stages do not fit.
    """
    graph = BlockGraph(image_channels, image_size, classes)
    layers = first_stages(LAYERS, stages)
    features = add_stem(graph, channels, stem)
    for stage, count in enumerate(layers):
        if stage > 0:
            features = _add_transition(graph, f"s{stage}", features)
        for index in range(count):
            last = (stage, index) == (len(layers) - 1, count - 1)
            features = add_residual(
                graph, f"s{stage}l{index}.conv", features, features, kernel_size=3, last=last
            )
    return add_classifier(graph, features)


def _add_transition(graph: BlockGraph, name: str, features: Features) -> Features:
    channels = features.channels
    pool = Pool("max", channels, channels, channels, 3, 2, features.size, Epilogue())
    pooled = graph.add(f"{name}.pool", pool, Inputs(sources=(features.real,)))
    block = Conv(channels, 2 * channels, 1, 1, pool.out_size, False, Epilogue(inner_signs=1))
    added = graph.add(f"{name}.up", block, Inputs(sources=(Value(pooled, "inner"),)))
    return Features(added, 2 * channels, pool.out_size)
