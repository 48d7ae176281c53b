"""Differing bits where no instruction counts any: the bits of a word are added up side by side.

After Hacker's Delight, 5-1, but words are added up as soon as their sums fit: those of three words
in nibbles, so that the last steps are done once for all of them.
"""

from tvm import tirx
from tvm.tirx.script import builder as T

from .binary_tiles import BinaryTile
from .bit_sources import Source
from .tiles import spans
from .vectors import Buffer, Expr, accumulator, let, load, loop

# A word adds at most 4 to the sum of a nibble.
_MOST_WORDS = 15 // 4


def nibble_counts(tile: BinaryTile, sources: list[Source], weights: Buffer) -> list[Expr]:
    """Differing bits per pixel as uint32; the tile is one channel wide."""
    totals = [accumulator("uint32", 1) for _ in range(tile.size)]
    for source in sources:
        with loop(source.rows, rolled=tile.rolled) as row:
            for span in spans(source.run, _MOST_WORDS):
                with loop(span.count, rolled=tile.rolled) as step:
                    first = span.start + step * span.size
                    _count_words(totals, tile, source, weights=weights, row=row,
                                 words=[first + i for i in range(span.size)])  # fmt: skip
    return [load(total, 0, 1) for total in totals]


def _count_words(
    totals: list[Buffer], tile: BinaryTile, source: Source, *, weights: Buffer, row: Expr,
    words: list[Expr],
) -> None:  # fmt: skip
    places = [tile.weights_index(row, source.weights + word) for word in words]
    own = [let(weights[place]) for place in places]
    for pixel, total in enumerate(totals):
        inputs = [tile.input_index(source, pixel, row=row, word=word) for word in words]
        differing = [source.buffer[i] ^ weight for i, weight in zip(inputs, own, strict=True)]
        octets = _added(let(_sum([_nibbles(let(each)) for each in differing])), 4, 0x0F0F0F0F)
        found = T.call_llvm_pure_intrin(
            "uint32", "llvm.arm.usada8", octets, tirx.const(0, "uint32"), total[0]
        )
        T.buffer_store(total, found, [0])


def _nibbles(word: Expr) -> Expr:
    """How many bits are set in each nibble of a word."""
    one = tirx.const(1, "uint32")
    pairs = let(word - (T.shift_right(word, one) & tirx.const(0x55555555, "uint32")))
    return let(_added(pairs, 2, 0x33333333))


def _added(word: Expr, bits: int, mask: int) -> Expr:
    """The sums of neighbouring numbers of so many bits."""
    low = word & tirx.const(mask, "uint32")
    return low + (T.shift_right(word, tirx.const(bits, "uint32")) & tirx.const(mask, "uint32"))


def _sum(terms: list[Expr]) -> Expr:
    found = terms[0]
    for term in terms[1:]:
        found = found + term
    return found
