"""Counts of single blocks, worked out by hand."""

from dataclasses import replace

from space.blocks import BinaryConv, Classifier, Conv, Epilogue, MaxPool, Pool, Sum
from space.counts import Counts, counts, total_counts

# 24 inputs x 9 taps x 32 outputs = 6912 weights, at 4 x 4 output pixels.
BINARY = BinaryConv((8, 16), 32, 3, 2, 8, Epilogue())
# 3 x 25 x 8 = 600 weights, at 14 x 14 output pixels.
STEM = Conv(3, 8, 5, 2, 28, image=True, epilogue=Epilogue())


def test_binary_convolution_counts_binary_macs() -> None:
    assert counts(BINARY) == Counts(binary_macs=6912 * 16, binary_weights=6912)


def test_convolution_counts_float_macs() -> None:
    assert counts(STEM) == Counts(float_macs=600 * 196, other_weights=600)


def test_pools_leave_counts_as_they_are() -> None:
    assert counts(replace(STEM, max_pool=MaxPool(3, 2))) == counts(STEM)


def test_classifier_counts_once_per_image() -> None:
    assert counts(Classifier((32, 32), 10, 7)) == Counts(float_macs=640, other_weights=640)


def test_sums_and_pools_count_nothing() -> None:
    assert counts(Sum(8, 4, Epilogue(shortcuts=1))) == Counts()
    assert counts(Pool("average", 8, 16, 8, 2, 2, 4, Epilogue())) == Counts()


def test_totals_add_up() -> None:
    total = total_counts([BINARY, STEM, BINARY])
    assert total == Counts(2 * 6912 * 16, 600 * 196, 2 * 6912, 600)
    assert total.ops == 600 * 196 + 2 * 6912 * 16 / 64
    assert total.weights == 2 * 6912 + 600
    assert total.weight_bytes == 2 * 6912 / 8 + 600
