"""Differing bits by a table of nibble pairs; targets.pair_table says how."""

from collections.abc import Iterator
from dataclasses import dataclass

from tvm import tirx
from tvm.tirx.script import builder as T

from space.blocks import BinaryConv
from targets.layouts import nibble_lanes
from targets.pair_table import OFFSET_LANES, ROW_BYTES, PairGrid, most_words, pair_grid

from .binary_tiles import BinaryTile
from .bit_sources import copy_padded
from .memory import Memory
from .tiles import spans
from .vectors import (
    Buffer,
    Expr,
    accumulator,
    add_to,
    clear,
    constant,
    convert,
    let,
    load,
    reinterpret,
    store,
)

# So many counts of at most 4 bits fit into a nibble.
_COUNTS_IN_A_NIBBLE = 3
_SHUFFLES = {16: "llvm.x86.ssse3.pshuf.b.128", 32: "llvm.x86.avx2.pshuf.b"}


@dataclass(frozen=True, slots=True)
class _Lookup:
    """A nibble of a word (of the octet, 0 low or 1 high) under one tap of a kernel row."""

    octet: int
    half: int
    tap: int


@dataclass(frozen=True, slots=True)
class _Row:
    """A word of a kernel row of one tile."""

    tile: BinaryTile
    pairs: PairGrid
    row: Expr
    word: Expr

    def weights_index(self, lookup: _Lookup) -> Expr:
        tiles, kernel_size = self.tile.place.tiles, self.pairs.kernel_size
        pixel_bytes = self.pairs.pixel_bytes
        group = tiles.first + self.tile.place.group * tiles.group_lanes
        octet = self.row * pixel_bytes + self.word * 4 + lookup.octet
        vector = (octet * 2 + lookup.half) * kernel_size + lookup.tap
        of_group = group * (kernel_size**2 * pixel_bytes * 2)
        lanes = nibble_lanes(tiles.group_lanes)
        return of_group + vector * lanes + self.tile.place.piece * tiles.lanes

    def offset_index(self, lookup: _Lookup, pair: int) -> Expr:
        stride = self.pairs.grid.stride
        y = self.tile.y * stride + self.row
        x = (self.tile.x + 2 * pair) * stride + lookup.tap
        octet = (y * self.pairs.columns + x) * self.pairs.pixel_bytes + self.word * 4 + lookup.octet
        return octet + lookup.half * self.pairs.plane


def write_offsets(block: BinaryConv, memory: Memory) -> None:
    """Write the offsets of the table's rows for every pair of pixels."""
    pairs = pair_grid(block)
    copy_padded(block, pairs.grid, memory, columns=pairs.columns)
    lanes, distance = OFFSET_LANES, pairs.grid.stride * pairs.pixel_bytes
    octets = memory.words("scratch", 8)

    def wide(index: Expr) -> Expr:
        return let(convert(load(octets, index, lanes), "uint16", lanes=lanes))

    def number(value: int) -> Expr:
        return constant(value, "uint16", lanes=lanes)

    with T.serial(pairs.plane // lanes) as step:
        first, second = wide(step * lanes), wide(step * lanes + distance)
        low = (first & number(15)) | T.shift_left(second & number(15), number(4))
        high = T.shift_right(first, number(4)) | (second & number(0xF0))
        for half, row in enumerate((low, high)):
            store(memory["offsets"], half * pairs.plane + step * lanes, row * number(ROW_BYTES),
                  lanes=lanes)  # fmt: skip


def pair_counts(tile: BinaryTile, memory: Memory) -> list[Expr]:
    """Differing bits per pixel as uint32 vectors."""
    pairs = pair_grid(tile.block)
    lanes = nibble_lanes(tile.lanes)
    count = -(-tile.size // 2)
    narrow = [accumulator("uint8", lanes) for _ in range(2 * count)]
    even, odd = ([accumulator("uint16", lanes // 2) for _ in range(2 * count)] for _ in range(2))
    with T.serial(pairs.kernel_size) as row:
        for span in spans(pairs.grid.words, most_words(pairs.kernel_size)):
            with T.serial(span.count) as step:
                for sums in narrow:
                    clear(sums, "uint8", lanes)
                with T.serial(span.size) as i:
                    word = span.start + step * span.size + i
                    _count_word(narrow, _Row(tile, pairs, row, word), memory, lanes=lanes)
                for i, sums in enumerate(narrow):
                    _widen(sums, even[i], odd[i], lanes=lanes)
    return [_joined(even[i], odd[i], tile.lanes) for i in range(tile.size)]


def _count_word(narrow: list[Buffer], row: _Row, memory: Memory, *, lanes: int) -> None:
    """Add the differing bits of a word to the bytes of every pixel."""
    for lookups in _chunks(row.pairs.kernel_size):
        weights = [let(load(memory["weights"], row.weights_index(each), lanes)) for each in lookups]
        for pair in range(len(narrow) // 2):
            counts = [
                _shuffled(memory, row.offset_index(each, pair), weight, lanes)
                for each, weight in zip(lookups, weights, strict=True)
            ]
            total = let(sum(counts[1:], counts[0]))
            add_to(narrow[2 * pair], total & constant(15, "uint8", lanes=lanes), lanes)
            second = T.shift_right(total, constant(4, "uint8", lanes=lanes))
            add_to(narrow[2 * pair + 1], second, lanes)


def _chunks(kernel_size: int) -> Iterator[list[_Lookup]]:
    """The lookups of a word, as many together as a nibble holds the sum of."""
    every = [
        _Lookup(octet, half, tap)
        for octet in range(4)
        for half in range(2)
        for tap in range(kernel_size)
    ]
    for start in range(0, len(every), _COUNTS_IN_A_NIBBLE):
        yield every[start : start + _COUNTS_IN_A_NIBBLE]


def _shuffled(memory: Memory, index: Expr, weights: Expr, lanes: int) -> Expr:
    offset = T.Cast("int32", memory["offsets"][index])
    row = load(memory["table"], offset, lanes)
    return T.call_llvm_pure_intrin(f"uint8x{lanes}", _SHUFFLES[lanes], row, weights)


def _widen(narrow: Buffer, even: Buffer, odd: Buffer, *, lanes: int) -> None:
    """Add bytes to sums of 16 bits, of every second lane each: nothing crosses lanes."""
    half = lanes // 2
    both = let(reinterpret(load(narrow, 0, lanes), "uint16", lanes=half))
    add_to(even, both & constant(0xFF, "uint16", lanes=half), half)
    add_to(odd, T.shift_right(both, constant(8, "uint16", lanes=half)), half)


def _joined(even: Buffer, odd: Buffer, lanes: int) -> Expr:
    """The sums of the first `lanes` in their order."""
    half = nibble_lanes(lanes) // 2
    order = [lane // 2 + lane % 2 * half for lane in range(lanes)]
    sums = tirx.Shuffle([load(even, 0, half), load(odd, 0, half)], order)
    return convert(sums, "uint32", lanes=lanes)
