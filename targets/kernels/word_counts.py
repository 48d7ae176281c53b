"""Differing bits where 32-bit lanes count their own: xor, popcount, add."""

from tvm.tirx.script import builder as T

from .binary_tiles import BinaryTile
from .bit_sources import Source
from .vectors import Buffer, Expr, accumulator, add_to, let, load, loop, splat


def word_counts(tile: BinaryTile, sources: list[Source], weights: Buffer) -> list[Expr]:
    """Differing bits per pixel as uint32 vectors."""
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
