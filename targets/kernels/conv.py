"""Convolution with int8 weights over bytes: the image's pixels, or a real tensor's high bits.

The taps of a kernel row are neighbours in memory, so that a window is `kernel_size` runs of
bytes, read in groups of four.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tvm.tirx.script import builder as T

from space.blocks import Conv, MaxPool
from targets.kernel_specs import byte_offset, conv_grid
from targets.layouts import conv_taps, padded_channels
from targets.vector_unit import VectorUnit

from .dot_products import DOT_PRODUCTS, Dot
from .epilogue import Place, requantized, write_outputs
from .max_pool import RowRing
from .memory import Memory
from .tiles import LaneTiles, lane_tiles, shared, shared_runs, spans
from .vectors import (
    Buffer,
    Expr,
    accumulator,
    concatenate,
    constant,
    convert,
    fill,
    let,
    load,
    loop,
    looped,
    reinterpret,
    splat,
    splat_lane,
    store,
)


@dataclass(frozen=True, slots=True)
class _Tile:
    """`size` pixels of the convolution from column x of row y on, of one tile of channels."""

    block: Conv
    place: Place
    y: Expr
    x: Expr
    size: int

    def weights_index(self, four: Expr) -> Expr:
        """Index of the weights of four taps."""
        tiles = self.place.tiles
        fours = conv_taps(self.block.in_channels, self.block.kernel_size).fours
        group = tiles.first + self.place.group * tiles.group_lanes
        lane = four * tiles.group_lanes + self.place.piece * tiles.lanes + self.place.turn
        return (group * fours + lane) * 4

    def row_index(self, pixel: int, *, row: Expr, four: Expr) -> Expr:
        """Index of four bytes of a kernel row in the window of a pixel of the tile."""
        grid = conv_grid(self.block)
        start = (self.y * grid.stride + row) * grid.size + (self.x + pixel) * grid.stride
        return start * self.block.in_channels + four * 4

    def column_index(self, pixel: int, *, four: Expr) -> Expr:
        """Index of the last bytes of four kernel rows in that window."""
        grid = conv_grid(self.block)
        return (self.x + pixel) * grid.column_bytes + self.y * grid.stride + four * 4


def conv(block: Conv, memory: Memory, unit: VectorUnit) -> None:
    """Build the kernel's body."""
    _copy_source(block, memory, unit)
    if conv_taps(block.in_channels, block.kernel_size).column_fours:
        _write_columns(block, memory)
    for tiles in lane_tiles(block.out_channels, unit.conv.lanes):
        if block.max_pool is None:
            _write_values(block, tiles, memory, unit)
        else:
            _write_pooled(block, block.max_pool, tiles, memory, unit)


def _write_values(block: Conv, tiles: LaneTiles, memory: Memory, unit: VectorUnit) -> None:
    size = block.out_size
    steps = (tiles.count, tiles.pieces, size)
    with shared(steps, memory) as (group, piece, y), tiles.in_turn() as turn:
        row = Place(block.out_channels, tiles, group, piece, y * size, turn)
        for x, value in _row_values(block, row, y, memory, unit):
            place = replace(row, pixel=row.pixel + x)
            write_outputs(value, memory, place=place, epilogue=block.epilogue, unit=unit)


def _write_pooled(
    block: Conv, pool: MaxPool, tiles: LaneTiles, memory: Memory, unit: VectorUnit
) -> None:
    """Each row of the convolution is computed once, but for those at the start of a share."""
    size = block.out_size
    ring = RowRing(pool, memory["ring"], block.conv_size, tiles.lanes, tiles.turns)
    counts = (tiles.count, tiles.pieces)
    with (
        shared_runs(counts, size, memory) as ((group, piece), first, end),
        T.serial(first, end) as y,
    ):
        with ring.new_rows(y, first) as new, tiles.in_turn() as turn:
            row = Place(block.out_channels, tiles, group, piece, y * size, turn)
            for x, value in _row_values(block, row, new, memory, unit):
                ring.put(value, new, x, turn)
        with T.serial(size) as x, tiles.in_turn() as turn:
            place = Place(block.out_channels, tiles, group, piece, y * size + x, turn)
            value = ring.pooled(y, x, turn)
            write_outputs(value, memory, place=place, epilogue=block.epilogue, unit=unit)


def _row_values(
    block: Conv, place: Place, y: Expr, memory: Memory, unit: VectorUnit
) -> Iterator[tuple[Expr, Expr]]:
    """Open the loops over row y of the convolution; yields columns and their int32 vectors."""
    lanes = place.lanes
    for span in spans(block.conv_size, unit.conv.pixels * unit.conv.lanes // lanes):
        with T.serial(span.count) as step:
            tile = _Tile(block, place, y, span.start + step * span.size, span.size)
            for i, sums in looped(_totals(tile, memory, unit), "int32", lanes=lanes):
                total = convert(sums, "uint32", lanes=lanes)
                activated = block.epilogue.activation != "none"
                value = requantized(total, memory, place=place, activated=activated)
                yield tile.x + i, value


def _totals(tile: _Tile, memory: Memory, unit: VectorUnit) -> list[Expr]:
    """The sums of the tile's pixels as int32 vectors."""
    lanes = min(tile.place.lanes, unit.vector_bits // 32)
    parts = range(tile.place.lanes // lanes)
    totals = [[accumulator("int32", lanes) for _ in parts] for _ in range(tile.size)]
    taps = conv_taps(tile.block.in_channels, tile.block.kernel_size)
    sums = _Sums(tile, totals, memory["weights"], DOT_PRODUCTS[unit.dot_product], lanes)
    with loop(taps.kernel_size, rolled=unit.rolled) as row:
        for four, count in _steps(taps.row_fours, unit):
            places = [tile.row_index(pixel, row=row, four=four) for pixel in range(tile.size)]
            sums.add(memory["scratch"], places, row * taps.row_fours + four, count)
    for four, count in _steps(taps.column_fours, unit):
        places = [tile.column_index(pixel, four=four) for pixel in range(tile.size)]
        sums.add(memory["columns"], places, taps.kernel_size * taps.row_fours + four, count)
    return [
        concatenate([load(part, 0, lanes) for part in pixel], lanes=tile.place.lanes)
        for pixel in totals
    ]


def _steps(fours: int, unit: VectorUnit) -> Iterator[tuple[Expr, int]]:
    """Open the loops over neighbouring fours; yields the first of a step and how many it takes."""
    for span in spans(fours, DOT_PRODUCTS[unit.dot_product].together) if fours else ():
        with loop(span.count, rolled=unit.rolled) as step:
            yield span.start + step * span.size, span.size


@dataclass(frozen=True, slots=True)
class _Sums:
    """The accumulators of a tile by pixel and part, each of `lanes` channels."""

    tile: _Tile
    totals: list[list[Buffer]]
    weights: Buffer
    dot: Dot
    lanes: int

    def add(self, octets: Buffer, places: list[Expr], four: Expr, count: int) -> None:
        """Add the products of the next `count` fours of weights, of which `four` is the first, and
        of as many of each pixel's bytes, from its place on.
        """
        lanes = self.lanes
        weights = [self._weights(self.tile.weights_index(four + i)) for i in range(count)]
        for place, totals in zip(places, self.totals, strict=True):
            inputs = let(reinterpret(load(octets, place, 4 * count), "uint32", lanes=count))
            for i, parts in enumerate(weights):
                same = splat_lane(inputs, i, lanes, of=count)
                for total, weight in zip(totals, parts, strict=True):
                    added = self.dot.add(load(total, 0, lanes), same, weight, lanes)
                    store(total, 0, added, lanes=lanes)

    def _weights(self, index: Expr) -> list[list[Expr]]:
        """Those of four taps, of every part."""
        lanes = self.lanes
        return [
            self.dot.prepare(load(self.weights, index + part * 4 * lanes, 4 * lanes), lanes)
            for part in range(len(self.totals[0]))
        ]


def _write_columns(block: Conv, memory: Memory) -> None:
    """Copy the last tap of every kernel row, so that those of four rows are neighbours."""
    grid, channels = conv_grid(block), block.in_channels
    with T.serial(grid.size) as row, T.serial(block.conv_size) as x:
        tap = row * grid.size + x * grid.stride + block.kernel_size - 1
        value = memory["scratch"][tap * channels + channels - 1]
        T.buffer_store(memory["columns"], value, [x * grid.column_bytes + row])


def _copy_source(block: Conv, memory: Memory, unit: VectorUnit) -> None:
    """The source as bytes with a border of zeros; a 1x1 kernel gets only the pixels it reads."""
    offset = byte_offset(block, unit)
    scratch, channels = memory["scratch"], block.in_channels
    border = block.kernel_size // 2
    grid = conv_grid(block)
    size, step = grid.size, block.stride // grid.stride
    inside = size - 2 * border
    value, pixel, lanes = _image_bytes, channels, 1
    if not block.image:
        value, pixel = _real_bytes, padded_channels(channels)
        vectors = (32, 16, 8) if unit.lanes > 1 else ()
        lanes = next(lanes for lanes in (*vectors, 1) if channels % lanes == 0)
    _fill_border(block, scratch, zero=offset % 256)
    with T.serial(inside) as y, T.serial(inside) as x, T.serial(channels // lanes) as i:
        source = (y * step * block.in_size + x * step) * pixel + i * lanes
        place = ((y + border) * size + x + border) * channels + i * lanes
        store(scratch, place, value(memory, source, offset, lanes), lanes=lanes)


def _image_bytes(memory: Memory, index: Expr, offset: int, lanes: int) -> Expr:
    """value + offset, modulo 256."""
    return load(memory["source0"], index, lanes) + constant(offset % 256, "uint8", lanes=lanes)


def _real_bytes(memory: Memory, index: Expr, offset: int, lanes: int) -> Expr:
    """clamp((value + half) >> input_shift) to int8, plus offset, modulo 256."""
    shift = memory["input_shift"][0]
    half = T.shift_right(T.shift_left(T.int32(1), shift), T.int32(1))
    value = convert(load(memory["source0"], index, lanes), "int32", lanes=lanes) + splat(
        half, lanes
    )
    low, high = (constant(limit, "int32", lanes=lanes) for limit in (-128, 127))
    clamped = T.max(T.min(T.shift_right(value, splat(shift, lanes)), high), low)
    return convert(clamped + constant(offset, "int32", lanes=lanes), "uint8", lanes=lanes)


def _fill_border(block: Conv, scratch: Buffer, *, zero: int) -> None:
    size = conv_grid(block).size
    border, width = block.kernel_size // 2, size * block.in_channels
    if not border:
        return
    edge = border * block.in_channels
    fill(scratch, 0, border * width + edge, value=zero)
    with T.serial(block.in_size - 1) as y:
        fill(scratch, (border + y + 1) * width - edge, 2 * edge, value=zero)
    fill(scratch, (size - border) * width - edge, border * width + edge, value=zero)
