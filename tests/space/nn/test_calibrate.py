"""Thresholds that keep the trained network's decisions."""

import numpy as np
import torch

from space.blocks import is_sign
from space.frozen import Threshold
from space.nn.calibrate import (
    BATCH,
    SAMPLE,
    STEPS,
    agreeing_threshold,
    spread_sample,
    trained_bits,
)
from space.nn.network import Network
from tests.example_graphs import EXAMPLE_GRAPHS


def threshold(*numbers: int, flip: bool = False) -> Threshold:
    return Threshold(np.array(numbers, np.int16), np.full(len(numbers), flip))


def moved(real: list[int], trained: list[int], exact: Threshold) -> list[int]:
    channels = len(exact.threshold)
    values = torch.tensor(real, dtype=torch.int32).view(-1, 1, 1, 1).expand(-1, channels, 1, 1)
    bits = torch.tensor(trained).bool().view(-1, 1, 1, 1).expand(-1, channels, 1, 1)
    found: list[int] = agreeing_threshold(values, bits, exact).threshold.tolist()
    return found


def test_rounding_takes_no_crowd_across() -> None:
    # Three equal pixels lay below the threshold before they were rounded to 51, one at 52 above.
    assert moved([51, 51, 51, 52], [1, 1, 1, 0], threshold(51)) == [52]
    assert moved([51, 51, 51, 50], [0, 0, 0, 1], threshold(52)) == [51]


def test_falling_signs_move_too() -> None:
    assert moved([51, 51, 51, 52], [0, 0, 0, 1], threshold(51, flip=True)) == [52]


def test_agreeing_threshold_stays() -> None:
    assert moved([40, 51, 60], [1, 0, 0], threshold(50)) == [50]


def test_each_channel_moves_alone() -> None:
    assert moved([51, 51, 60], [1, 1, 0], threshold(51, 55, 52)) == [52, 55, 52]


def test_no_threshold_moves_far() -> None:
    limit = max(STEPS)
    assert moved([51, 51, 51], [1, 1, 1], threshold(51 - limit)) == [51 - limit]
    assert moved([51, 51, 51], [1, 1, 1], threshold(52 - limit)) == [52]


def test_constant_signs_stay_within_int16() -> None:
    assert moved([-(2**15), 0], [0, 0], threshold(-(2**15))) == [-(2**15)]
    assert moved([2**15 - 1, 0], [1, 1], threshold(2**15 - 1)) == [2**15 - 1]


def test_sample_is_spread_over_all_images() -> None:
    # Sorted by class, the first 128 of 4 x 128 images would be of one class.
    classes = torch.arange(4).repeat_interleave(SAMPLE)
    assert spread_sample(classes).bincount().tolist() == [SAMPLE // 4] * 4
    assert spread_sample(torch.arange(SAMPLE + 1)).tolist() == list(range(0, SAMPLE + 1, 2))
    assert spread_sample(torch.arange(3)).tolist() == [0, 1, 2]


def test_bits_of_all_batches_are_joined() -> None:
    network = Network(EXAMPLE_GRAPHS["cell"](), [100.0] * 3, [60.0] * 3).double()
    pixels = torch.arange(3.0 * 81 * (BATCH + 1)).view(BATCH + 1, 3, 9, 9) * 7 % 256
    found = trained_bits(network, pixels)
    assert network.training
    whole = network.eval().values(pixels)
    assert found.keys() == {value for value in whole if is_sign(value.port)}
    for value, bits in found.items():
        assert bits.dtype == torch.bool
        assert torch.equal(bits, whole[value].bool()), value
