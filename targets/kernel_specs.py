"""Kernel specs: what a block becomes on a device, and the order of its kernel's parameters.

Profiling measures specs, tables are keyed by them, the compiler emits them. A spec holds shapes
only; every number that training finds is an argument.
"""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Literal, TypeGuard

import numpy as np

from space.blocks import BinaryConv, Block, Classifier, Conv, Pool, Sum, is_sign, ports

from . import layouts
from .binary_grid import binary_grid
from .pair_table import TABLE_BYTES, counts_by_table, pair_grid
from .vector_unit import VectorUnit

Role = Literal["source", "shortcut", "outer", "constant", "scratch", "output"]
_KINDS: dict[type, str] = {
    BinaryConv: "binary_conv", Conv: "conv", Sum: "sum", Pool: "pool", Classifier: "classifier",
}  # fmt: skip
NIBBLES = 8  # of a word


@dataclass(frozen=True, slots=True)
class KernelSpec:
    """One kernel: a block in the normal form of `kernel_specs`."""

    block: Block

    @property
    def key(self) -> str:
        """The spec as text; two specs have one key if and only if they are equal."""
        fields = asdict(self.block)
        fields |= fields.pop("epilogue", {})
        max_pool = fields.pop("max_pool", None) or {}
        fields |= {f"max_pool_{name}": value for name, value in max_pool.items()}
        return f"{_KINDS[type(self.block)]}({','.join(_words(fields.items()))})"

    @property
    def symbol(self) -> str:
        """The name of the kernel's function: a word of C that depends on the key alone."""
        digest = sha256(self.key.encode()).hexdigest()[:16]
        return f"{_KINDS[type(self.block)]}_{digest}"


def _words(fields: Iterable[tuple[str, object]]) -> list[str]:
    texts = {True: "1", False: "0"}
    return [
        f"{name}={'+'.join(map(str, value))}" if isinstance(value, tuple)
        else f"{name}={texts[value] if isinstance(value, bool) else value}"
        for name, value in fields
    ]  # fmt: skip


def kernel_specs(block: Block) -> tuple[KernelSpec, ...]:
    """The kernels that compute a block, in order: one today.

    A relu is a prelu whose negative multiplier is 0, so that both share a kernel.
    """
    if isinstance(block, BinaryConv | Conv) and block.epilogue.activation == "relu":
        block = replace(block, epilogue=replace(block.epilogue, activation="prelu"))
    return (KernelSpec(block),)


@dataclass(frozen=True, slots=True)
class Argument:
    """A parameter of a kernel: a pointer to an array of this shape, in C order.

    It is 64-byte aligned, but for the image, which lies where the caller has it.
    """

    name: str
    role: Role
    shape: tuple[int, ...]
    dtype: str

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        return self.count * np.dtype(self.dtype).itemsize


def arguments(spec: KernelSpec, unit: VectorUnit) -> tuple[Argument, ...]:
    """The parameters of a spec's kernel in order.

    Sources, shortcuts, the outer shortcut, constants, scratch, outputs (in the order of `ports`).
    The scratch of a kernel holds nothing between two calls; outputs overlap no other argument.
    Constants and scratch depend on the processor, the others on the spec alone.
    """
    block = spec.block
    return (*_sources(block), *_added(block), *_constants(block, unit), *_scratch(block, unit),
            *outputs(spec))  # fmt: skip


def real(name: str, role: Role, *, channels: int, size: int) -> Argument:
    """A real tensor: int16 [size, size, padded channels]."""
    return Argument(name, role, (size, size, layouts.padded_channels(channels)), "int16")


def bits(name: str, role: Role, *, channels: int, size: int) -> Argument:
    """A sign tensor: uint32 [size, size, words]."""
    return Argument(name, role, (size, size, layouts.words(channels)), "uint32")


def _sources(block: Block) -> tuple[Argument, ...]:
    match block:
        case Conv(image=True):
            shape = (block.in_size, block.in_size, block.in_channels)
            return (Argument("source0", "source", shape, "uint8"),)
        case Conv() | Pool():
            return (real("source0", "source", channels=block.in_channels, size=block.in_size),)
        case Sum():
            return ()
    make = bits if isinstance(block, BinaryConv) else real
    return tuple(
        make(f"source{i}", "source", channels=channels, size=block.in_size)
        for i, channels in enumerate(block.in_channels)
    )


def _added(block: Block) -> tuple[Argument, ...]:
    if isinstance(block, Classifier):
        return ()
    channels, size = block.out_channels, block.out_size
    added = [
        real(f"shortcut{i}", "shortcut", channels=channels, size=size)
        for i in range(block.epilogue.shortcuts)
    ]
    if block.epilogue.outer:
        added.append(real("outer_shortcut", "outer", channels=channels, size=size))
    return tuple(added)


def _constant(name: str, count: int, dtype: str) -> Argument:
    return Argument(name, "constant", (count,), dtype)


def _constants(block: Block, unit: VectorUnit) -> tuple[Argument, ...]:
    if isinstance(block, Classifier):
        classes = layouts.padded_channels(block.classes)
        return (
            _constant("weights", _padded_sum(block.in_channels) * classes, "int8"),
            _constant("bias", classes, "int32"),
            _constant("feature_shift", 1, "int32"),
        )
    channels = layouts.padded_channels(block.out_channels)
    found: list[Argument] = []
    if isinstance(block, BinaryConv | Conv):
        found += _weights(block, unit)
        found += [] if signs_compare_counts(block) else _requantize(block, channels)
    for port in filter(is_sign, ports(block)):
        found.append(_constant(f"{port}_threshold", channels, threshold_dtype(block, unit)))
        found.append(_constant(f"{port}_flip", layouts.words(channels), "uint32"))
    return tuple(found)


def signs_compare_counts(block: Block) -> TypeGuard[BinaryConv]:
    """Whether a block is a binary convolution that writes nothing but signs of its sum.

    Scale and offset are monotonic, so such a sign is a threshold on the number of differing bits,
    and nothing needs to be multiplied.
    """
    if not isinstance(block, BinaryConv):
        return False
    epilogue = block.epilogue
    is_read = epilogue.inner_stored or epilogue.outer or epilogue.shortcuts > 0
    return epilogue.activation == "none" and not is_read


def threshold_dtype(block: Block, unit: VectorUnit) -> str:
    """The type that a block's signs are compared in: int16, but for counts that are wider."""
    if not signs_compare_counts(block):
        return "int16"
    # A threshold that every count is below is one more than the largest.
    is_narrow = unit.count_bits < 32 and block.reduction + 1 < 2**15
    return "int16" if is_narrow else "int32"


def _weights(block: BinaryConv | Conv, unit: VectorUnit) -> list[Argument]:
    channels = layouts.padded_channels(block.out_channels)
    if isinstance(block, Conv):
        taps = layouts.conv_taps(block.in_channels, block.kernel_size)
        return [_constant("weights", 4 * taps.fours * channels, "int8")]
    words = block.kernel_size**2 * sum(map(layouts.words, block.in_channels))
    if not counts_by_table(block, unit):
        return [_constant("weights", words * channels, "uint32")]
    lanes = sum(layouts.nibble_lanes(group.lanes) for group in layouts.groups(channels))
    return [
        _constant("weights", words * NIBBLES * lanes, "uint8"),
        _constant("table", TABLE_BYTES, "uint8"),
    ]


def _requantize(block: BinaryConv | Conv, channels: int) -> list[Argument]:
    names = ["multiplier", "offset"]
    if block.epilogue.activation != "none":
        names += ["negative_multiplier", "negative_offset"]
    found = [_constant(name, channels, "int32") for name in names]
    found.append(_constant("shift", 1, "int32"))
    if isinstance(block, Conv) and not block.image:
        found.append(_constant("input_shift", 1, "int32"))
    return found


def _padded_sum(channels: tuple[int, ...]) -> int:
    return sum(map(layouts.padded_channels, channels))


def _scratch(block: Block, unit: VectorUnit) -> tuple[Argument, ...]:
    """Padded copies of the sources; rows that are pooled; the features of a classifier."""
    if isinstance(block, Classifier):
        return (Argument("scratch", "scratch", (_padded_sum(block.in_channels),), "int16"),)
    if isinstance(block, BinaryConv) and counts_by_table(block, unit):
        pairs = pair_grid(block)
        return (
            Argument("scratch", "scratch", (pairs.padded_words,), "uint32"),
            Argument("offsets", "scratch", (2 * pairs.plane,), "uint16"),
        )
    if isinstance(block, BinaryConv) and block.kernel_size > 1:
        grid = binary_grid(block)
        shape = (grid.padded_rows, grid.padded_columns, grid.words)
        return (Argument("scratch", "scratch", shape, "uint32"),)
    if isinstance(block, Conv):
        return _conv_scratch(block)
    return ()


def _conv_scratch(block: Conv) -> tuple[Argument, ...]:
    """The padded source, the last taps of every kernel row where these are read as columns, and
    as many rows of one group of channels as a pool's window has.
    """
    grid = conv_grid(block)
    # The last pixel's taps are read in groups of 4, up to 3 bytes past the end.
    found = [Argument("scratch", "scratch", (grid.size**2 * block.in_channels + 4,), "uint8")]
    if layouts.conv_taps(block.in_channels, block.kernel_size).column_fours:
        columns = (block.conv_size * grid.column_bytes,)
        found.append(Argument("columns", "scratch", columns, "uint8"))
    if block.max_pool is not None:
        lanes = layouts.groups(block.out_channels)[0].lanes
        ring = (block.max_pool.kernel_size, block.conv_size, lanes)
        found.append(Argument("ring", "scratch", ring, "int16"))
    return tuple(found)


def byte_offset(block: Conv, unit: VectorUnit) -> int:
    """What the bytes that a Conv multiplies are more than the image's, or than a real's int8.

    One kernel serves both sources: the least of either becomes the least that a product takes.
    """
    return unit.least_input - (0 if block.image else -128)


@dataclass(frozen=True, slots=True)
class ConvGrid:
    """The padded copy that a Conv reads: pixels in a row, and from one output to the next.

    A 1x1 kernel copies only the pixels that it needs.
    """

    size: int
    stride: int

    @property
    def column_bytes(self) -> int:
        """Of a column of single taps, which are read in groups of 4, up to 3 past the end."""
        return self.size + 4


def conv_grid(block: Conv) -> ConvGrid:
    """The grid of a block."""
    if block.kernel_size == 1:
        return ConvGrid(block.conv_size, 1)
    return ConvGrid(block.in_size + 2 * (block.kernel_size // 2), block.stride)


def outputs(spec: KernelSpec) -> tuple[Argument, ...]:
    """The parameters that a spec's kernel writes, in the order of `ports`."""
    block = spec.block
    if isinstance(block, Classifier):
        return (Argument("logits", "output", (block.classes,), "int32"),)
    return tuple(
        (bits if is_sign(port) else real)(
            port, "output", channels=block.out_channels, size=block.out_size
        )
        for port in ports(block)
    )
