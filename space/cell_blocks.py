"""The blocks of a cell, of the stem and of the classifier, for given choices.

`decode` and `cost_terms` both build their blocks here, so that they cannot disagree.

Signs. In form "node" a node x_i with i < n writes one sign, read by all conv edges from it. In form
"edge" it writes one sign for each later node, n - i of them, whether or not that edge is a
convolution: the price of x_i then depends on the edges into it alone, and costs stay additive and
exact. The edge from x_j to x_i reads inner_sign{i - j - 1}.
"""

from dataclasses import dataclass

from .blocks import BinaryConv, Block, Classifier, Conv, Epilogue, Sum, halving_pool
from .errors import SpaceError
from .search_space import KERNEL_SIZES, Form, SearchSpace


@dataclass(frozen=True, slots=True)
class WideShape:
    """A wide value's distinct tensors (1 right after a single stem), their channels and size."""

    tensors: int
    channels: int
    size: int


@dataclass(frozen=True, slots=True)
class ConvGroup:
    """One convolution into a node, over the nodes that it reads."""

    kernel_size: int
    sources: tuple[int, ...]


def conv_groups(form: Form, ops: tuple[str, ...]) -> tuple[ConvGroup, ...]:
    """The convolutions of a node whose edge from x_j has primitive ops[j].

    Form "node": one per kernel size, smallest first; form "edge": one per conv edge.
    """
    kernels = {source: KERNEL_SIZES[op] for source, op in enumerate(ops) if op in KERNEL_SIZES}
    if form == "edge":
        return tuple(ConvGroup(kernel, (source,)) for source, kernel in kernels.items())
    return tuple(
        ConvGroup(size, tuple(source for source, kernel in kernels.items() if kernel == size))
        for size in sorted(set(kernels.values()))
    )


def passing_primitives(space: SearchSpace) -> tuple[str, ...]:
    """What adds an edge's source unchanged: a skip, and with inner shortcuts a convolution."""
    if space.inner_shortcuts:
        return tuple(name for name in space.primitives if name != "none")
    return tuple(name for name in space.primitives if name == "skip")


def shortcut_sources(space: SearchSpace, ops: tuple[str, ...]) -> tuple[int, ...]:
    """The nodes added unchanged."""
    passing = passing_primitives(space)
    return tuple(source for source, op in enumerate(ops) if op in passing)


def has_outer(space: SearchSpace) -> bool:
    """Whether nodes add what the cell reads: on a narrow path x_0 has it already."""
    return space.outer_shortcuts and space.path == "wide"


def has_process(space: SearchSpace, *, reduction: bool) -> bool:
    """Whether x_0 is a convolution's; it is the tensor that the cell reads otherwise."""
    return reduction or space.path == "wide"


def output_real(space: SearchSpace) -> str:
    """The port of x_i that the cell passes on as a real tensor."""
    return "outer" if has_outer(space) else "inner"


def output_sign(space: SearchSpace, node: int) -> str:
    """The port of x_node that the next cell reads as bits."""
    return "outer_sign0" if has_outer(space) else f"inner_sign{inner_signs(space, node)}"


def sign_port(form: Form, *, source: int, node: int) -> str:
    """The port of x_source that the edge into x_node reads as bits."""
    return "inner_sign0" if form == "node" else f"inner_sign{node - source - 1}"


def inner_signs(space: SearchSpace, node: int) -> int:
    """Signs of x_node; see the module's rule."""
    later_nodes = space.nodes - node
    return min(1, later_nodes) if space.form == "node" else later_nodes


def stem_block(space: SearchSpace, channels: int, *, last: bool) -> Conv:
    """One stem convolution; without a sign where no cell at all follows it."""
    return Conv(
        space.image_channels, channels, space.stem_kernel_size, space.stem_stride,
        space.image_size, image=True,
        epilogue=Epilogue(
            inner_stored=space.outer_shortcuts or space.path == "narrow" or last,
            inner_signs=0 if last else 1,
        ),
    )  # fmt: skip


def process_block(
    space: SearchSpace, wide: WideShape, *, channels: int, reduction: bool
) -> BinaryConv:
    """The convolution from a wide value's signs to x_0; it halves the size in a reduction."""
    kernel_size, stride = (3, 2) if reduction else (1, 1)
    shortcuts = 1 if space.path == "narrow" and space.outer_shortcuts else 0
    return BinaryConv(
        (wide.channels,) * wide.tensors, channels, kernel_size, stride, wide.size,
        Epilogue(space.activation, shortcuts=shortcuts, inner_signs=inner_signs(space, 0)),
    )  # fmt: skip


def downsample_blocks(
    space: SearchSpace, stage: int, wide: WideShape, *, channels: int
) -> tuple[Block, ...]:
    """The chain of blocks that is the shortcut of a stage's reduction, for one wide tensor.

    Without parameters, channels repeat after those that the previous stage has at full width.
    """
    if space.downsample == "pool":
        period = space.stages[stage - 1].channels
        return (halving_pool(wide.channels, channels, period, wide.size),)
    pool = halving_pool(wide.channels, wide.channels, wide.channels, wide.size)
    return pool, projection_block(wide.channels, channels, size=pool.out_size)


def projection_block(in_channels: int, channels: int, *, size: int) -> Conv:
    """The real convolution behind the pool of a reduction's shortcut."""
    return Conv(in_channels, channels, 1, 1, size, image=False, epilogue=Epilogue())


def node_blocks(
    space: SearchSpace, ops: tuple[str, ...], *, channels: int, size: int, last: bool
) -> tuple[Block, ...]:
    """The chain of blocks that computes x_i and y_i, i = len(ops), from edges ops[j] from x_j.

    Each block but the first adds its predecessor's partial sum as its first shortcut; the last one
    adds the node's shortcuts and the outer one, if there is one. last: nothing reads the cell's
    output as bits.
    Raises SpaceError where all edges are none.
    """
    node, shortcuts = len(ops), len(shortcut_sources(space, ops))
    if set(ops) == {"none"}:
        raise SpaceError(f"node {node}: edges {ops} are all 'none'; a node needs one that is not")
    groups = conv_groups(space.form, ops)
    partial_sums = max(0, len(groups) - 1)
    activation = space.activation if groups else "none"
    outer, narrow = has_outer(space), space.path == "narrow"
    passed_on = not narrow or node == space.nodes
    output_signs = 1 if passed_on and not last else 0
    epilogue = Epilogue(
        activation, shortcuts=shortcuts + min(1, partial_sums),
        inner_stored=node < space.nodes or narrow or (last and not outer),
        inner_signs=inner_signs(space, node) + (0 if outer else output_signs),
        outer=outer, outer_signs=output_signs if outer else 0,
    )  # fmt: skip
    if not groups:
        return (Sum(channels, size, epilogue),)
    epilogues = [Epilogue(activation, shortcuts=min(1, part)) for part in range(partial_sums)]
    return tuple(
        BinaryConv((channels,) * len(group.sources), channels, group.kernel_size, 1, size, written)
        for group, written in zip(groups, [*epilogues, epilogue], strict=True)
    )


def classifier_block(space: SearchSpace, wide: WideShape) -> Classifier:
    """The classifier over a wide value's real tensors."""
    return Classifier((wide.channels,) * wide.tensors, space.classes, wide.size)
