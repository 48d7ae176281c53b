from dataclasses import replace

import numpy as np

from space.blocks import BinaryConv, Epilogue
from targets.pair_table import counts_by_table, most_words, pair_grid, pair_table
from targets.vector_unit import AVX2, AVX512

CONV = BinaryConv((64,), 8, 3, 1, 7, Epilogue())


def test_rows_count_differing_bits_of_two_nibbles() -> None:
    rows = pair_table().reshape(256, 2, 16)
    # 0b0101 and 0b0001 differ in 1 bit, 0b1111 and 0b0001 in 3.
    assert rows[0b1111_0101, 0, 0b0001] == 1 + 3 * 16
    # Nothing differs; everything does.
    assert rows[0b0110_0110, 0, 0b0110] == 0
    assert rows[0, 0, 0b1111] == 4 + 4 * 16
    np.testing.assert_array_equal(rows[:, 0], rows[:, 1])


def test_byte_sums_hold_a_kernel_row() -> None:
    # A word under k taps differs in 32 * k bits at most.
    assert [most_words(k) for k in (1, 3, 5, 7, 9)] == [7, 2, 1, 1, 0]
    assert counts_by_table(CONV, AVX2)
    assert not counts_by_table(CONV, AVX512)
    assert not counts_by_table(replace(CONV, kernel_size=9), AVX2)
    # 65535 is the most that 16 bits hold.
    assert not counts_by_table(replace(CONV, in_channels=(8192,)), AVX2)


def test_odd_rows_have_one_more_output() -> None:
    # Rows of 7 pixels are 4 pairs: the last output is the eighth, which ends in column 10.
    assert pair_grid(CONV).columns == 10
    assert pair_grid(replace(CONV, stride=2)).columns == 9
    # Of a 1x1 kernel, all 49 pixels are one row.
    assert pair_grid(replace(CONV, kernel_size=1)).columns == 50
