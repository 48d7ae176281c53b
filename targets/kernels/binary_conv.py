"""Binary convolution: xor, count bits, requantize, write all outputs.

A tile of pixels x channels is held in registers. Channels are the lanes of its vectors: a word of
the input is the same for all of them, a vector of weights the same for all pixels.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tvm.tirx.script import builder as T

from space.blocks import BinaryConv
from targets.layouts import words
from targets.vector_unit import VectorUnit

from .epilogue import Place, requantized, write_outputs
from .memory import Memory
from .tiles import lane_tiles, spans
from .vectors import (
    Buffer,
    Expr,
    accumulator,
    add_to,
    clear,
    constant,
    fill,
    in_memory,
    let,
    load,
    loop,
    reinterpret,
    splat,
)

# A byte lane counts at most 8 bits a word: 31 words cannot overflow it.
_MOST_BYTE_COUNTS = 31


@dataclass(frozen=True, slots=True)
class _Source:
    """A packed tensor that the reduction reads: for each pixel, `rows` runs of `run` words.

    width: its pixels in a row. words: its words in a pixel. weights: index of its first word
    among those of a kernel row.
    """

    buffer: Buffer
    rows: int
    run: int
    width: int
    words: int
    weights: int


@dataclass(frozen=True, slots=True)
class _Tile:
    """`size` output pixels from column x of row y on, of one tile of channels.

    rolled: whether the loops over its words stay loops.
    """

    block: BinaryConv
    place: Place
    y: Expr
    x: Expr
    size: int
    rolled: bool

    @property
    def lanes(self) -> int:
        return self.place.lanes

    def weights_index(self, row: Expr, word: Expr) -> Expr:
        """Index of the weights of a word of a kernel row."""
        tiles, row_words = self.place.tiles, _row_words(self.block)
        group = tiles.first + self.place.group * tiles.group_lanes
        in_group = (row * row_words + word) * tiles.group_lanes + self.place.piece * tiles.lanes
        return group * (self.block.kernel_size * row_words) + in_group

    def input_index(self, source: _Source, pixel: int, *, row: Expr, word: Expr) -> Expr:
        """Index of a word of the window of a pixel of the tile."""
        stride = self.block.stride
        start = (self.y * stride + row) * source.width + (self.x + pixel) * stride
        return start * source.words + word


def _row_words(block: BinaryConv) -> int:
    return block.kernel_size * sum(map(words, block.in_channels))


def binary_conv(block: BinaryConv, memory: Memory, unit: VectorUnit) -> None:
    """Build the kernel's body."""
    sources = _padded(block, memory) if block.kernel_size > 1 else _direct(block, memory)
    for tile in _tiles(block, unit):
        count = {8: _byte_counts, 32: _word_counts}[unit.count_bits]
        totals = in_memory(count(tile, sources, memory["weights"]), "uint32", lanes=tile.lanes)
        # A loop, because a copy of the epilogue for each pixel takes long to compile.
        with T.serial(tile.size) as i:
            place = replace(tile.place, pixel=tile.place.pixel + i)
            total = load(totals, i * tile.lanes, tile.lanes)
            activated = block.epilogue.activation != "none"
            value = requantized(total, memory, place=place, activated=activated)
            write_outputs(value, memory, place=place, epilogue=block.epilogue, unit=unit)


def _tiles(block: BinaryConv, unit: VectorUnit) -> Iterator[_Tile]:
    """Open the loops around each tile in turn."""
    # Without borders and strides, tiles need not end where rows do.
    flat = block.kernel_size == 1 and block.stride == 1
    rows, columns = (1, block.out_size**2) if flat else (block.out_size, block.out_size)
    for tiles in lane_tiles(block.out_channels, unit):
        most = unit.pixels * unit.lanes // tiles.lanes
        with T.serial(tiles.count) as group, T.serial(tiles.pieces) as piece, T.serial(rows) as y:
            for span in spans(columns, most):
                with T.serial(span.count) as step:
                    x = span.start + step * span.size
                    place = Place(block.out_channels, tiles, group, piece, y * columns + x)
                    yield _Tile(block, place, y, x, span.size, unit.rolled)


def _direct(block: BinaryConv, memory: Memory) -> list[_Source]:
    """A 1x1 kernel has no borders: it reads the sources where they are."""
    found, first = [], 0
    for i, channels in enumerate(block.in_channels):
        run = words(channels)
        found.append(_Source(memory[f"source{i}"], 1, run, block.in_size, run, first))
        first += run
    return found


def _padded(block: BinaryConv, memory: Memory) -> list[_Source]:
    """Copy the sources side by side, with a border of +1, so that a window is `rows` runs."""
    scratch, size = memory["scratch"], block.in_size
    border, pixel = block.kernel_size // 2, sum(map(words, block.in_channels))
    width, edge = (size + 2 * border) * pixel, border * pixel
    fill(scratch, 0, border * width + edge, value=0)
    with T.serial(size - 1) as y:
        fill(scratch, (border + y + 1) * width - edge, 2 * edge, value=0)
    fill(scratch, (border + size) * width - edge, border * width + edge, value=0)
    first = border * width + edge
    for i, channels in enumerate(block.in_channels):
        run = words(channels)
        with T.serial(size) as y, T.serial(size) as x, T.serial(run) as word:
            value = memory[f"source{i}"][(y * size + x) * run + word]
            T.buffer_store(scratch, value, [first + y * width + x * pixel + word])
        first += run
    return [
        _Source(scratch, block.kernel_size, block.kernel_size * pixel, size + 2 * border, pixel, 0)
    ]


def _word_counts(tile: _Tile, sources: list[_Source], weights: Buffer) -> list[Expr]:
    """Differing bits per pixel as uint32 vectors, where 32-bit lanes count their own bits."""
    lanes = tile.lanes
    totals = [accumulator("uint32", lanes) for _ in range(tile.size)]
    for source in sources:
        with (
            loop(source.rows, rolled=tile.rolled) as row,
            loop(source.run, rolled=tile.rolled) as word,
        ):
            index = tile.weights_index(row, source.weights + word)
            weight = let(load(weights, index, lanes))
            for pixel, total in enumerate(totals):
                a = source.buffer[tile.input_index(source, pixel, row=row, word=word)]
                add_to(total, T.popcount(splat(a, lanes) ^ weight), lanes)
    return [load(total, 0, lanes) for total in totals]


def _byte_counts(tile: _Tile, sources: list[_Source], weights: Buffer) -> list[Expr]:
    """The same where bytes count their bits; byte lanes are added up before they overflow."""
    lanes = tile.lanes
    narrow = [accumulator("uint8", 4 * lanes) for _ in range(tile.size)]
    if sum(source.rows * source.run for source in sources) <= _MOST_BYTE_COUNTS:
        for source in sources:
            with (
                loop(source.rows, rolled=tile.rolled) as row,
                loop(source.run, rolled=tile.rolled) as word,
            ):
                _count_bytes(narrow, tile, source, weights=weights, row=row, word=word)
        return [_widened(load(part, 0, 4 * lanes), lanes) for part in narrow]
    totals = [accumulator("uint32", lanes) for _ in range(tile.size)]
    for source in sources:
        with loop(source.rows, rolled=tile.rolled) as row:
            for span in spans(source.run, _MOST_BYTE_COUNTS):
                with T.serial(span.count) as step:
                    for part in narrow:
                        clear(part, "uint8", 4 * lanes)
                    with loop(span.size, rolled=tile.rolled) as i:
                        word = span.start + step * span.size + i
                        _count_bytes(narrow, tile, source, weights=weights, row=row, word=word)
                    for part, total in zip(narrow, totals, strict=True):
                        add_to(total, _widened(load(part, 0, 4 * lanes), lanes), lanes)
    return [load(total, 0, lanes) for total in totals]


def _count_bytes(
    parts: list[Buffer], tile: _Tile, source: _Source, *, weights: Buffer, row: Expr, word: Expr
) -> None:
    """Add the differing bits of one word of every pixel to its byte lanes."""
    index = tile.weights_index(row, source.weights + word)
    weight = let(load(weights, index, tile.lanes))
    for pixel, part in enumerate(parts):
        a = source.buffer[tile.input_index(source, pixel, row=row, word=word)]
        differing = reinterpret(splat(a, tile.lanes) ^ weight, "uint8", lanes=4 * tile.lanes)
        add_to(part, T.popcount(differing), 4 * tile.lanes)


def _widened(byte_counts: Expr, lanes: int) -> Expr:
    """The sums of the four bytes of each 32-bit lane."""
    counts = let(reinterpret(byte_counts, "uint32", lanes=lanes))

    def masked(value: Expr, mask: int) -> Expr:
        return value & constant(mask, "uint32", lanes=lanes)

    def shifted(value: Expr, distance: int) -> Expr:
        return T.shift_right(value, constant(distance, "uint32", lanes=lanes))

    pairs = let(masked(counts, 0x00FF00FF) + masked(shifted(counts, 8), 0x00FF00FF))
    return masked(pairs, 0xFFFF) + shifted(pairs, 16)
