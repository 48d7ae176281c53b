"""Differing bits where bytes count their own; byte lanes are added up before they overflow."""

from tvm.tirx.script import builder as T

from .binary_tiles import BinaryTile
from .bit_sources import Source
from .tiles import spans
from .vectors import (
    Buffer,
    Expr,
    accumulator,
    add_to,
    clear,
    constant,
    let,
    load,
    loop,
    reinterpret,
    splat,
)

# A byte lane counts at most 8 bits a word: 31 words cannot overflow it.
_MOST_BYTE_COUNTS = 31


def byte_counts(tile: BinaryTile, sources: list[Source], weights: Buffer) -> list[Expr]:
    """Differing bits per pixel as uint32 vectors."""
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
    parts: list[Buffer], tile: BinaryTile, source: Source, *, weights: Buffer, row: Expr, word: Expr
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
