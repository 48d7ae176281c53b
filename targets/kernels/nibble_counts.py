"""Differing bits where no instruction counts any: the bits of a word are added up side by side.

After Hacker's Delight, 5-1, but words are added up as soon as their sums fit: those of three words
in nibbles, so that the last steps are done once for all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tvm import tirx
from tvm.tirx.script import builder as T

from targets.layouts import WORD_BITS

from .binary_tiles import BinaryTile
from .bit_sources import Source
from .tiles import spans
from .vectors import Buffer, Expr, accumulator, let, load

# A word adds at most 4 to the sum of a nibble.
_MOST_WORDS = 15 // 4
# Words of a window that are counted without a loop.
_MOST_UNROLLED = 18


def nibble_counts(tile: BinaryTile, sources: list[Source], weights: Buffer) -> list[Expr]:
    """Differing bits per pixel as uint32; the tile is one channel wide."""
    counts = _Counts(tile, weights, [accumulator("uint32", 1) for _ in range(tile.size)])
    most = _MOST_WORDS * counts.joined
    for source in sources:
        if source.rows * source.run <= _MOST_UNROLLED:
            taps = [(row, word) for row in range(source.rows) for word in range(source.run)]
            for start in range(0, len(taps), most):
                counts.add(source, taps[start : start + most])
            continue
        with T.serial(source.rows) as row:
            for span in spans(source.run, most):
                with T.serial(span.count) as step:
                    first = span.start + step * span.size
                    counts.add(source, [(row, first + i) for i in range(span.size)])
    return [load(total, 0, 1) for total in counts.totals]


@dataclass(frozen=True, slots=True)
class _Counts:
    """The differing bits of a tile's pixels."""

    tile: BinaryTile
    weights: Buffer
    totals: list[Buffer]

    @property
    def joined(self) -> int:
        """Words that are joined to one: two where their upper halves are never used."""
        return 2 if max(self.tile.block.in_channels) <= WORD_BITS // 2 else 1

    def add(self, source: Source, taps: Sequence[tuple[Expr, Expr]]) -> None:
        """Count those of the words at these rows and places in their rows."""
        tile = self.tile
        places = [tile.weights_index(row, source.weights + word) for row, word in taps]
        own = [let(self.weights[place]) for place in places]
        for pixel, total in enumerate(self.totals):
            inputs = [tile.input_index(source, pixel, row=row, word=word) for row, word in taps]
            differing = [source.buffer[i] ^ each for i, each in zip(inputs, own, strict=True)]
            nibbles = [_nibbles(let(each)) for each in self._joined(differing)]
            octets = _added(let(_sum(nibbles)), 4, 0x0F0F0F0F)
            found = T.call_llvm_pure_intrin(
                "uint32", "llvm.arm.usada8", octets, tirx.const(0, "uint32"), total[0]
            )
            T.buffer_store(total, found, [0])

    def _joined(self, words: list[Expr]) -> list[Expr]:
        if self.joined == 1:
            return words
        half = tirx.const(WORD_BITS // 2, "uint32")
        pairs = [words[i : i + 2] for i in range(0, len(words), 2)]
        return [_sum([pair[0], *(T.shift_left(each, half) for each in pair[1:])]) for pair in pairs]


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
