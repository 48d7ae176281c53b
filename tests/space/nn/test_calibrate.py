"""Thresholds that keep the trained network's decisions."""

import numpy as np
import torch

from space.frozen import Threshold
from space.nn.calibrate import BATCH, STEPS, agreeing_threshold, spread_sample


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
    classes = torch.arange(4).repeat_interleave(BATCH)
    assert spread_sample(classes).bincount().tolist() == [BATCH // 4] * 4
    assert spread_sample(torch.arange(BATCH + 1)).tolist() == list(range(0, BATCH + 1, 2))
    assert spread_sample(torch.arange(3)).tolist() == [0, 1, 2]
