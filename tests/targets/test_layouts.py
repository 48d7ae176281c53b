import numpy as np
import pytest

from targets.layouts import (
    ConvTaps,
    Group,
    binary_weights,
    classifier_weights,
    conv_taps,
    conv_weights,
    groups,
    pack_bits,
    padded_channels,
    unpack_bits,
    words,
)


@pytest.mark.parametrize(
    ("channels", "padded"),
    [(1, 8), (8, 8), (9, 16), (16, 16), (17, 32), (24, 32), (32, 32), (33, 40), (72, 72), (90, 96)],
)
def test_last_group_is_padded_least(channels: int, padded: int) -> None:
    assert padded_channels(channels) == padded
    assert sum(group.lanes for group in groups(channels)) == padded


def test_groups_fill_words_first() -> None:
    assert groups(72) == (Group(0, 32), Group(32, 32), Group(64, 8))


def test_channel_is_a_bit_of_a_word() -> None:
    bits = np.zeros(40, np.bool_)
    bits[[0, 31, 33]] = True
    assert pack_bits(bits).tolist() == [0x80000001, 0x2]


def test_unpacking_inverts_packing() -> None:
    bits = np.random.default_rng(0).random((3, 3, 45)) < 0.5
    assert pack_bits(bits).shape == (3, 3, words(45))
    np.testing.assert_array_equal(unpack_bits(pack_bits(bits), 45), bits)


def test_binary_weights_keep_sources_apart() -> None:
    weights = np.ones((1, 2, 1, 1), np.int8)
    weights[0, 1] = -1
    # Two sources of one channel are two words; the one output channel is lane 0 of 8.
    packed = binary_weights(weights, (1, 1)).reshape(2, 8)
    assert packed.tolist() == [[0] * 8, [1] + [0] * 7]


def test_conv_weights_are_fours_of_a_kernel_row() -> None:
    weights = np.arange(9, dtype=np.int8).reshape(1, 1, 3, 3) + 1
    rows = conv_weights(weights).reshape(3, 8, 4)
    assert rows[:, 0].tolist() == [[1, 2, 3, 0], [4, 5, 6, 0], [7, 8, 9, 0]]
    assert not rows[:, 1:].any()


def test_last_taps_of_rows_are_fours_of_a_column() -> None:
    # Five taps a row: one four of each row, and of the five last taps a four and a rest.
    weights = np.arange(25, dtype=np.int8).reshape(1, 1, 5, 5) + 1
    assert conv_taps(1, 5) == ConvTaps(kernel_size=5, row_fours=1, column_fours=2)
    fours = conv_weights(weights).reshape(7, 8, 4)[:, 0]
    assert fours[:2].tolist() == [[1, 2, 3, 4], [6, 7, 8, 9]]
    assert fours[5:].tolist() == [[5, 10, 15, 20], [25, 0, 0, 0]]
    assert conv_taps(3, 7).fours == 7 * 5 + 2
    assert conv_taps(5, 1).column_fours == 0


def test_classifier_weights_skip_padding_lanes() -> None:
    weights = np.array([[1, 2], [3, 4]], np.int8)
    found = classifier_weights(weights, (1, 1))
    assert found.shape == (16, 8)
    assert found[0, :2].tolist() == [1, 3]
    assert found[8, :2].tolist() == [2, 4]
    assert np.count_nonzero(found) == 4
