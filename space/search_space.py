"""Search spaces: cells of searched topology in stages of searched width and depth (BARS).

A *wide* value is real tensors that are never concatenated in memory. A cell reads one and writes
one; its nodes x_1..x_n each sum their incoming edges. The value crosses the whole network:

- On a wide path it has `nodes` tensors. A binary process convolution takes them to x_0, and each
  x_i is added to the i-th of them.
- On a narrow path it has one. A normal cell's x_0 is that tensor, a reduction's is a binary
  convolution of it to which it is added, and x_n is the next one. Cells whose nodes read one after
  the other are then the residual layers of Bi-Real-Net (arXiv 1808.00278).
"""

from dataclasses import dataclass
from typing import Literal, get_args

from .blocks import Activation, conv_out_size
from .errors import SpaceError

Form = Literal["node", "edge"]
Sharing = Literal["cell", "stage", "kind"]
Downsample = Literal["pool", "conv"]
Path = Literal["wide", "narrow"]

# Of the binary convolutions, ascending.
KERNEL_SIZES = {"bconv1x1": 1, "bconv3x3": 3, "bconv5x5": 5}
PRIMITIVES = ("none", "skip", *KERNEL_SIZES)
CHANNEL_MULTIPLE = 8
# What a node may read, and in how many ways, is listed in full.
MOST_NODE_READINGS = 4096
MOST_CHANNELS, MOST_CELLS = 4096, 16
# What a space means whose file was written before it could say so.
LATER_SPACE_FIELDS = {
    "inner_shortcuts": True,
    "outer_shortcuts": True,
    "downsample": "pool",
    "path": "wide",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """Cells at one size: channels at full width, and 0..max_cells normal cells."""

    channels: int
    max_cells: int


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """What may be searched.

    form "node": one sign per node, one convolution over all conv edges into a node; form "edge":
    a sign and a convolution per edge, as published. sharing: which cells have one topology: none,
    the normal cells of a stage, or all cells of a kind (normal, reduction). stem_blocks: 1, with
    the wide value its tensor repeated, or one stem convolution per wide tensor. inner_shortcuts:
    whether an edge that is a convolution passes its source on too; outer_shortcuts: whether a cell
    adds the wide value that it reads to the one that it writes, on a narrow path a reduction to its
    x_0; downsample: what that is taken through in a reduction, a pool that repeats channels, or a
    pool and a real 1x1 convolution. path: see above.
    """

    name: str
    image_channels: int
    image_size: int
    classes: int
    stem_kernel_size: int
    stem_stride: int
    stages: tuple[Stage, ...]
    nodes: int = 4
    stem_blocks: int = 1
    primitives: tuple[str, ...] = ("none", "skip", "bconv3x3")
    widths: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    form: Form = "node"
    sharing: Sharing = "cell"
    activation: Activation = "prelu"
    inner_shortcuts: bool = True
    outer_shortcuts: bool = True
    downsample: Downsample = "pool"
    path: Path = "wide"

    def __post_init__(self) -> None:
        _check_numbers(self)
        _check_primitives(self)
        _check_widths(self)
        _check_sizes(self)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that may be kept; index is None for a stage's reduction; group names its topology."""

    name: str
    stage: int
    index: int | None
    group: str

    @property
    def is_reduction(self) -> bool:
        return self.index is None


def cells(space: SearchSpace) -> tuple[Cell, ...]:
    """All cells in execution order, at full depth."""
    found = []
    for stage, description in enumerate(space.stages):
        if stage > 0:
            found.append(_cell(space, stage, None))
        found += [_cell(space, stage, index) for index in range(description.max_cells)]
    return tuple(found)


def _cell(space: SearchSpace, stage: int, index: int | None) -> Cell:
    name = f"s{stage}r" if index is None else f"s{stage}c{index}"
    by_stage = name if index is None else f"s{stage}"
    by_kind = "reduction" if index is None else "normal"
    group = {"cell": name, "stage": by_stage, "kind": by_kind}[space.sharing]
    return Cell(name, stage, index, group)


def groups(space: SearchSpace) -> tuple[str, ...]:
    """Names of the topologies, in the order of their first cells."""
    return tuple(dict.fromkeys(cell.group for cell in cells(space)))


def path_tensors(space: SearchSpace) -> int:
    """Tensors of what cells pass on."""
    return space.nodes if space.path == "wide" else 1


def stage_size(space: SearchSpace, stage: int) -> int:
    """Height and width of a stage's tensors: each reduction halves them and rounds up."""
    size = conv_out_size(space.image_size, space.stem_kernel_size, space.stem_stride)
    return ((size - 1) >> stage) + 1


def stage_channels(space: SearchSpace, stage: int, width: float) -> int:
    """Channels of every tensor of a stage at a width."""
    return round(space.stages[stage].channels * width)


def _check_numbers(space: SearchSpace) -> None:
    at_least_1 = {
        "image_channels": space.image_channels,
        "image_size": space.image_size,
        "stem_kernel_size": space.stem_kernel_size,
        "stem_stride": space.stem_stride,
        "nodes": space.nodes,
    }
    for name, value in at_least_1.items():
        if value < 1:
            raise SpaceError(f"{space.name}: {name}={value} must be at least 1")
    if space.classes < 2:
        raise SpaceError(f"{space.name}: classes={space.classes}; a classifier needs at least 2")
    if space.stem_kernel_size % 2 == 0:
        raise SpaceError(
            f"{space.name}: stem_kernel_size={space.stem_kernel_size} must be odd; "
            f"take {space.stem_kernel_size + 1}"
        )
    _check_words(space)
    if space.path == "narrow" and (space.form, space.stem_blocks) != ("node", 1):
        raise SpaceError(
            f"{space.name}: form={space.form!r} with stem_blocks={space.stem_blocks} on a narrow "
            "path; its tensors have one sign and one stem: take 'node' and 1, or path='wide'"
        )
    if space.stem_blocks not in (1, space.nodes):
        raise SpaceError(
            f"{space.name}: stem_blocks={space.stem_blocks} must be 1 or nodes={space.nodes}"
        )


def _check_words(space: SearchSpace) -> None:
    words = {
        "form": (space.form, get_args(Form)),
        "sharing": (space.sharing, get_args(Sharing)),
        "activation": (space.activation, get_args(Activation)),
        "downsample": (space.downsample, get_args(Downsample)),
        "path": (space.path, get_args(Path)),
    }
    for name, (value, allowed) in words.items():
        if value not in allowed:
            raise SpaceError(f"{space.name}: {name}={value!r} must be one of {allowed}")


def _check_primitives(space: SearchSpace) -> None:
    readings: int = len(space.primitives) ** min(space.nodes, MOST_NODE_READINGS)
    if readings > MOST_NODE_READINGS:
        raise SpaceError(
            f"{space.name}: {len(space.primitives)} primitives and {space.nodes} nodes let the "
            f"last node read in more than {MOST_NODE_READINGS} ways; take fewer"
        )
    unknown = [name for name in space.primitives if name not in PRIMITIVES]
    if unknown:
        raise SpaceError(f"{space.name}: primitive {unknown[0]!r} must be one of {PRIMITIVES}")
    if len(set(space.primitives)) != len(space.primitives):
        raise SpaceError(f"{space.name}: primitives {space.primitives} must not repeat; drop one")
    if not set(space.primitives) - {"none"}:
        raise SpaceError(
            f"{space.name}: primitives {space.primitives} connect nothing; "
            "a node needs one edge that is not 'none': add 'skip' or 'bconv3x3'"
        )


def _check_widths(space: SearchSpace) -> None:
    if not space.stages:
        raise SpaceError(f"{space.name}: stages is empty; a space needs at least one stage")
    if not space.widths or len(set(space.widths)) != len(space.widths):
        raise SpaceError(f"{space.name}: widths {space.widths} must be there and must not repeat")
    for stage in space.stages:
        if not 0 <= stage.max_cells <= MOST_CELLS:
            raise SpaceError(
                f"{space.name}: max_cells={stage.max_cells} must be from 0 to {MOST_CELLS}"
            )
        if stage.channels > MOST_CHANNELS:
            raise SpaceError(
                f"{space.name}: channels={stage.channels} must be at most {MOST_CHANNELS}"
            )
        for width in space.widths:
            _check_width(space, stage, width)


def _check_width(space: SearchSpace, stage: Stage, width: float) -> None:
    if not 0 < width <= 1:
        raise SpaceError(f"{space.name}: width {width} must be above 0 and at most 1")
    channels = stage.channels * width
    if channels < CHANNEL_MULTIPLE or channels % CHANNEL_MULTIPLE:
        raise SpaceError(
            f"{space.name}: width {width} of {stage.channels} channels is {channels:g}; widths "
            f"must give multiples of {CHANNEL_MULTIPLE}: change the stage's channels or drop it"
        )


def _check_sizes(space: SearchSpace) -> None:
    last = len(space.stages) - 1
    if last > 0 and stage_size(space, last - 1) < 2:
        raise SpaceError(
            f"{space.name}: images of {space.image_size} pixels are {stage_size(space, 0)} after "
            f"the stem and end as one before the last of {last} reductions; resize the images, "
            "change stem_stride or take fewer stages"
        )
