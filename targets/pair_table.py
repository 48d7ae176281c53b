"""Counting bits with a table, where a processor shuffles bytes but counts no bits of a vector.

Four channels of two neighbouring output pixels, a nibble each, choose one of 256 rows. Byte j of a
row says in how many bits j differs from the first pixel's nibble, plus 16 times the same for the
second's; j is a nibble of weights. So one shuffle of a row by a vector of weights counts four bits
of two pixels and of as many output channels as the vector has bytes. The sum of three such counts
still fits into a nibble.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from space.blocks import BinaryConv

from .binary_grid import BinaryGrid, binary_grid
from .vector_unit import VectorUnit

# A row is there twice, for vectors of 32 bytes that are shuffled in halves.
ROW_BYTES = 32
TABLE_BYTES = 256 * ROW_BYTES
OFFSET_LANES = 16
_MOST_BYTE_SUM = 255
_MOST_WORD_SUM = 2**16 - 1


def counts_by_table(block: BinaryConv, unit: VectorUnit) -> bool:
    """Whether the kernel of a block counts so: a sum of one kernel row's word must fit a byte."""
    fits = most_words(block.kernel_size) > 0 and block.reduction <= _MOST_WORD_SUM
    return unit.count_bits == 4 and fits


def most_words(kernel_size: int) -> int:
    """Words of a kernel row whose differing bits are added up in one byte."""
    return _MOST_BYTE_SUM // (32 * kernel_size)


def pair_table() -> NDArray[np.uint8]:
    """uint8 [256 * 32]: row n0 | n1 << 4 for a first pixel's nibble n0 and a second's n1."""
    row, j = np.ogrid[:256, :16]
    first, second = (np.bitwise_count((row >> shift & 15) ^ j) for shift in (0, 4))
    return np.tile((first + 16 * second).astype(np.uint8), 2).ravel()


@dataclass(frozen=True, slots=True)
class PairGrid:
    """How the offsets of rows lie in memory: for each padded pixel, one of every nibble.

    They are those of the pair of this pixel and the one `stride` columns on. Two planes follow each
    other, of the low and of the high nibbles of every byte.
    """

    grid: BinaryGrid
    kernel_size: int

    @property
    def columns(self) -> int:
        """Pixels in a padded row, with one more output if their number is odd."""
        even = self.grid.out_columns + self.grid.out_columns % 2
        needed = (even - 1) * self.grid.stride + self.kernel_size
        return max(self.grid.padded_columns, needed)

    @property
    def pixel_bytes(self) -> int:
        return 4 * self.grid.words

    @property
    def plane(self) -> int:
        """Offsets in one plane, whole vectors of them."""
        count = self.grid.padded_rows * self.columns * self.pixel_bytes
        return -(-count // OFFSET_LANES) * OFFSET_LANES

    @property
    def padded_words(self) -> int:
        """Of the padded sources, and behind them what the last pixels are paired with."""
        return self.plane // 4 + self.grid.stride * self.grid.words


def pair_grid(block: BinaryConv) -> PairGrid:
    """The grid of a block whose kernel counts by table."""
    return PairGrid(binary_grid(block), block.kernel_size)
