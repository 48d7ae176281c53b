"""Differing bits where bytes count their own; sums are widened before they overflow."""

from dataclasses import dataclass

from tvm.tirx.script import builder as T

from targets.vector_unit import VectorUnit

from .binary_tiles import BinaryTile
from .bit_sources import Source
from .count_sums import COUNT_SUMS, Sums
from .tiles import spans
from .vectors import (
    Buffer,
    Expr,
    accumulator,
    add_to,
    clear,
    concatenate,
    let,
    load,
    loop,
    reinterpret,
    splat,
    store,
)

# Words of one step of the innermost loop: they share its counting and most addresses. More of them
# win nothing, and are too many instructions for a small cache.
_STEP_WORDS = 6


@dataclass(frozen=True, slots=True)
class _Registers:
    """Sums of a tile's pixels, each in a register for every `lanes` of its channels."""

    sums: Sums
    lanes: int
    pixels: list[list[Buffer]]

    @property
    def sum_lanes(self) -> int:
        return self.lanes * self.sums.lanes_per_word

    def clear(self) -> None:
        for register in (each for registers in self.pixels for each in registers):
            clear(register, self.sums.dtype, self.sum_lanes)

    def add(self, register: Buffer, differing: Expr) -> None:
        """Add the bits that are set in a vector of words."""
        octets = reinterpret(differing, "uint8", lanes=4 * self.lanes)
        sums = load(register, 0, self.sum_lanes)
        store(
            register, 0, self.sums.add(sums, T.popcount(octets), self.lanes), lanes=self.sum_lanes
        )

    def totals(self) -> list[list[Expr]]:
        """The sums of every pixel as uint32 vectors."""
        return [
            [self.sums.total(load(each, 0, self.sum_lanes), self.lanes) for each in registers]
            for registers in self.pixels
        ]


def byte_counts(
    tile: BinaryTile, unit: VectorUnit, *, sources: list[Source], weights: Buffer
) -> list[Expr]:
    """Differing bits per pixel as uint32 vectors."""
    registers = _registers(tile, unit)
    most = registers.sums.most_words
    if sum(source.rows * source.run for source in sources) <= most:
        for source in sources:
            with loop(source.rows, rolled=tile.rolled) as row:
                _count_run(registers, tile, source, weights=weights, row=row, first=0,
                           length=source.run)  # fmt: skip
        return [concatenate(each, lanes=tile.lanes) for each in registers.totals()]
    lanes = registers.lanes
    wide = [[accumulator("uint32", lanes) for _ in each] for each in registers.pixels]
    for source in sources:
        with loop(source.rows, rolled=tile.rolled) as row:
            for span in spans(source.run, most):
                with T.serial(span.count) as step:
                    registers.clear()
                    _count_run(registers, tile, source, weights=weights, row=row,
                               first=span.start + step * span.size, length=span.size)  # fmt: skip
                    for pixel, totals in zip(wide, registers.totals(), strict=True):
                        for buffer, total in zip(pixel, totals, strict=True):
                            add_to(buffer, total, lanes)
    return [
        concatenate([load(each, 0, lanes) for each in pixel], lanes=tile.lanes) for pixel in wide
    ]


def _registers(tile: BinaryTile, unit: VectorUnit) -> _Registers:
    sums, lanes = COUNT_SUMS[unit.count_sums], min(tile.lanes, unit.vector_bits // 32)
    pixels = [
        [accumulator(sums.dtype, lanes * sums.lanes_per_word) for _ in range(tile.lanes // lanes)]
        for _ in range(tile.size)
    ]
    return _Registers(sums, lanes, pixels)


def _count_run(
    registers: _Registers, tile: BinaryTile, source: Source, *, weights: Buffer, row: Expr,
    first: Expr, length: int,
) -> None:  # fmt: skip
    """Add the differing bits of neighbouring words of a kernel row."""
    for span in spans(length, _STEP_WORDS):
        with loop(span.count, rolled=tile.rolled) as step:
            for i in range(span.size):
                word = first + span.start + step * span.size + i
                _count_word(registers, tile, source, weights=weights, row=row, word=word)


def _count_word(
    registers: _Registers, tile: BinaryTile, source: Source, *, weights: Buffer, row: Expr,
    word: Expr,
) -> None:  # fmt: skip
    lanes = registers.lanes
    index = tile.weights_index(row, source.weights + word)
    vectors = [let(load(weights, index + i, lanes)) for i in range(0, tile.lanes, lanes)]
    for pixel, sums in enumerate(registers.pixels):
        bits = source.buffer[tile.input_index(source, pixel, row=row, word=word)]
        same = let(splat(bits, lanes))
        for register, vector in zip(sums, vectors, strict=True):
            registers.add(register, same ^ vector)
