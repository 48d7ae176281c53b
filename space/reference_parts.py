"""Parts that hand-crafted networks share: features, stems, pools that halve, the classifier."""

from dataclasses import dataclass

from .blocks import BinaryConv, Classifier, Conv, Epilogue, MaxPool, halving_pool
from .errors import SpaceError
from .graph import IMAGE_VALUE, BlockGraph, Inputs, Value
from .reference_names import Stem
from .search_space import CHANNEL_MULTIPLE

LARGE_IMAGE_SIZE = 64


@dataclass(frozen=True, slots=True)
class Features:
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


@dataclass(frozen=True, slots=True)
class StemShape:
    """The convolution that reads the image."""

    kernel_size: int
    stride: int
    max_pool: MaxPool | None = None


RESNET_STEM = StemShape(7, 2, MaxPool(3, 2))
SMALL_STEM = StemShape(3, 1)
STRIDED_STEM = StemShape(5, 2)


def add_stem(
    graph: BlockGraph, channels: int, stem: Stem, *, large: StemShape = RESNET_STEM
) -> Features:
    """The first convolution: `large` from 64 pixels on and 3x3 below, or strided 5x5.

    Raises SpaceError where channels are no multiple of 8.
    """
    if channels < CHANNEL_MULTIPLE or channels % CHANNEL_MULTIPLE:
        raise SpaceError(
            f"channels={channels} of a reference must be a multiple of {CHANNEL_MULTIPLE}; take "
            f"{max(1, round(channels / CHANNEL_MULTIPLE)) * CHANNEL_MULTIPLE}"
        )
    published = large if graph.image_size >= LARGE_IMAGE_SIZE else SMALL_STEM
    shape = published if stem == "published" else STRIDED_STEM
    block = Conv(
        graph.image_channels, channels, shape.kernel_size, shape.stride, graph.image_size,
        image=True, epilogue=Epilogue(inner_signs=1), max_pool=shape.max_pool,
    )  # fmt: skip
    name = graph.add("stem", block, Inputs(sources=(IMAGE_VALUE,)))
    return Features(name, channels, block.out_size)


def first_stages(layers: tuple[int, ...], stages: int | None) -> tuple[int, ...]:
    """The first of a network's stages; all for None. Raises SpaceError where there are fewer."""
    if stages is not None and not 1 <= stages <= len(layers):
        raise SpaceError(f"stages={stages} of a reference that has {len(layers)}; take 1 to these")
    return layers[:stages]


def add_halving(graph: BlockGraph, name: str, features: Features) -> Features:
    """A pool that halves the size and leaves the channels as they are."""
    channels = features.channels
    block = halving_pool(channels, channels, channels, features.size)
    added = graph.add(name, block, Inputs(sources=(features.real,)))
    return Features(added, channels, block.out_size)


def add_residual(
    graph: BlockGraph, name: str, features: Features, shortcut: Features,
    *, kernel_size: int, last: bool,
) -> Features:  # fmt: skip
    """A binary convolution of the features' signs to the shortcut's shape, and the shortcut.

    last: nothing reads its sign.
    """
    stride = 1 if shortcut.size == features.size else 2
    block = BinaryConv(
        (features.channels,), shortcut.channels, kernel_size, stride, features.size,
        Epilogue("prelu", shortcuts=1, inner_signs=0 if last else 1),
    )  # fmt: skip
    added = graph.add(name, block, Inputs((features.sign,), (shortcut.real,)))
    return Features(added, shortcut.channels, shortcut.size)


def add_classifier(graph: BlockGraph, features: Features) -> BlockGraph:
    """The graph with its end."""
    block = Classifier((features.channels,), graph.classes, features.size)
    graph.add("classifier", block, Inputs(sources=(features.real,)))
    return graph
