"""Convolution with int8 weights over bytes: the image's pixels, or a real tensor's high bits.

The taps of a kernel row are neighbours in memory, so that a window is `kernel_size` runs of
bytes, read in groups of four.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tvm import tirx
from tvm.tirx.script import builder as T

from space.blocks import Conv
from targets.kernel_specs import REAL_ZERO, conv_scratch_grid
from targets.layouts import conv_taps, padded_channels
from targets.vector_unit import VectorUnit

from .dot_products import DOT_PRODUCTS
from .epilogue import Place, requantized, write_outputs
from .memory import Memory
from .tiles import lane_tiles, shared, spans
from .vectors import (
    Buffer,
    Expr,
    accumulator,
    concatenate,
    constant,
    convert,
    fill,
    in_memory,
    let,
    load,
    loop,
    splat,
    store,
)


@dataclass(frozen=True, slots=True)
class _Tile:
    """`size` output pixels from column x of row y on, of one tile of channels."""

    block: Conv
    place: Place
    y: Expr
    x: Expr
    size: int

    def weights_index(self, row: Expr, four: Expr) -> Expr:
        """Index of the weights of four taps of a kernel row."""
        tiles, kernel_size = self.place.tiles, self.block.kernel_size
        taps = conv_taps(self.block.in_channels, kernel_size)
        group = tiles.first + self.place.group * tiles.group_lanes
        lane = (row * (taps // 4) + four) * tiles.group_lanes + self.place.piece * tiles.lanes
        return group * (kernel_size * taps) + lane * 4

    def input_index(self, pixel: int, *, row: Expr, four: Expr) -> Expr:
        """Index of four bytes of the window of a pixel of the tile."""
        size, stride = conv_scratch_grid(self.block)
        start = (self.y * stride + row) * size + (self.x + pixel) * stride
        return start * self.block.in_channels + four * 4


def conv(block: Conv, memory: Memory, unit: VectorUnit) -> None:
    """Build the kernel's body."""
    _copy_source(block, memory)
    for tile in _tiles(block, memory, unit):
        lanes = tile.place.lanes
        totals = in_memory(_totals(tile, memory, unit), "int32", lanes=lanes)
        with T.serial(tile.size) as i:
            place = replace(tile.place, pixel=tile.place.pixel + i)
            total = convert(load(totals, i * lanes, lanes), "uint32", lanes=lanes)
            activated = block.epilogue.activation != "none"
            value = requantized(total, memory, place=place, activated=activated)
            write_outputs(value, memory, place=place, epilogue=block.epilogue, unit=unit)


def _tiles(block: Conv, memory: Memory, unit: VectorUnit) -> Iterator[_Tile]:
    """Open the loops around each tile in turn."""
    size = block.out_size
    for tiles in lane_tiles(block.out_channels, unit.conv.lanes):
        most = unit.conv.pixels * unit.conv.lanes // tiles.lanes
        with shared((tiles.count, tiles.pieces, size), memory) as (group, piece, y):
            for span in spans(size, most):
                with T.serial(span.count) as step:
                    x = span.start + step * span.size
                    place = Place(block.out_channels, tiles, group, piece, y * size + x)
                    yield _Tile(block, place, y, x, span.size)


def _totals(tile: _Tile, memory: Memory, unit: VectorUnit) -> list[Expr]:
    """The sums of the tile's pixels as int32 vectors."""
    lanes = min(tile.place.lanes, unit.vector_bits // 32)
    parts = range(tile.place.lanes // lanes)
    dot = DOT_PRODUCTS[unit.dot_product]
    totals = [[accumulator("int32", lanes) for _ in parts] for _ in range(tile.size)]
    runs = conv_taps(tile.block.in_channels, tile.block.kernel_size) // 4
    with (
        loop(tile.block.kernel_size, rolled=unit.rolled) as row,
        loop(runs, rolled=unit.rolled) as four,
    ):
        first = tile.weights_index(row, four)
        weights = [
            dot.prepare(load(memory["weights"], first + part * 4 * lanes, 4 * lanes), lanes)
            for part in parts
        ]
        for pixel in range(tile.size):
            octets = load(memory["scratch"], tile.input_index(pixel, row=row, four=four), 4)
            inputs = let(tirx.call_intrin("uint32", "tirx.reinterpret", octets))
            for part in parts:
                total = load(totals[pixel][part], 0, lanes)
                added = dot.add(total, inputs, weights[part], lanes)
                store(totals[pixel][part], 0, added, lanes=lanes)
    return [
        concatenate([load(part, 0, lanes) for part in pixel], lanes=tile.place.lanes)
        for pixel in totals
    ]


def _copy_source(block: Conv, memory: Memory) -> None:
    """The source as bytes with a border of zeros; a 1x1 kernel gets only the pixels it reads."""
    scratch, channels = memory["scratch"], block.in_channels
    border = block.kernel_size // 2
    size, stride = conv_scratch_grid(block)
    step, inside = block.stride // stride, size - 2 * border
    value, pixel, lanes = _image_bytes, channels, 1
    if not block.image:
        value, pixel = _real_bytes, padded_channels(channels)
        lanes = next(lanes for lanes in (32, 16, 8, 1) if channels % lanes == 0)
    _fill_border(block, scratch)
    with T.serial(inside) as y, T.serial(inside) as x, T.serial(channels // lanes) as i:
        source = (y * step * block.in_size + x * step) * pixel + i * lanes
        place = ((y + border) * size + x + border) * channels + i * lanes
        store(scratch, place, value(memory, source, lanes), lanes=lanes)


def _image_bytes(memory: Memory, index: Expr, lanes: int) -> Expr:
    return load(memory["source0"], index, lanes)


def _real_bytes(memory: Memory, index: Expr, lanes: int) -> Expr:
    """clamp((value + half) >> input_shift) to int8, plus REAL_ZERO."""
    shift = memory["input_shift"][0]
    half = T.shift_right(T.shift_left(T.int32(1), shift), T.int32(1))
    value = convert(load(memory["source0"], index, lanes), "int32", lanes=lanes) + splat(
        half, lanes
    )
    low, high = (constant(limit, "int32", lanes=lanes) for limit in (-128, 127))
    clamped = T.max(T.min(T.shift_right(value, splat(shift, lanes)), high), low)
    return convert(clamped + constant(REAL_ZERO, "int32", lanes=lanes), "uint8", lanes=lanes)


def _fill_border(block: Conv, scratch: Buffer) -> None:
    size, _ = conv_scratch_grid(block)
    border, width = block.kernel_size // 2, size * block.in_channels
    if not border:
        return
    zero, edge = 0 if block.image else REAL_ZERO, border * block.in_channels
    fill(scratch, 0, border * width + edge, value=zero)
    with T.serial(block.in_size - 1) as y:
        fill(scratch, (border + y + 1) * width - edge, 2 * edge, value=zero)
    fill(scratch, (size - border) * width - edge, border * width + edge, value=zero)
