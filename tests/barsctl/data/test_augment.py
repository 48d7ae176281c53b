import numpy as np
import pytest

from barsctl.data.augment import (
    Augmentation,
    augment,
    pad_crop,
    random_flip,
    random_resized_crop,
)
from barsctl.data.source import Pixels


def numbered(count: int, *, size: int = 4, channels: int = 1) -> Pixels:
    """Images whose pixels all differ and are never 0."""
    pixels = 1 + np.arange(size * size * channels, dtype=np.uint8)
    return np.tile(pixels.reshape(1, size, size, channels), (count, 1, 1, 1))


def test_pad_crop_shifts_and_fills_with_zero() -> None:
    batch = numbered(200)
    padded = np.pad(batch[0], ((1, 1), (1, 1), (0, 0)))
    windows = {padded[y : y + 4, x : x + 4].tobytes() for y in range(3) for x in range(3)}
    result = pad_crop(batch, np.random.default_rng(0), pad_pixels=1)
    assert {image.tobytes() for image in result} == windows


def test_flip_mirrors_about_half() -> None:
    batch = numbered(1000, channels=3)
    result = random_flip(batch, np.random.default_rng(0))
    mirrored = (result == batch[:, :, ::-1]).all(axis=(1, 2, 3))
    kept = (result == batch).all(axis=(1, 2, 3))
    assert (mirrored ^ kept).all()
    assert 450 < mirrored.sum() < 550


def test_resized_crop_keeps_a_constant_image() -> None:
    batch = np.full((20, 8, 8, 3), 77, dtype=np.uint8)
    result = random_resized_crop(batch, np.random.default_rng(0), min_area_share=0.1)
    assert np.array_equal(result, batch)


def test_resized_crop_magnifies_a_gradient() -> None:
    # Columns 0, 8, ... 248: a crop of a part spans fewer grey levels, still rising.
    batch = np.tile(np.arange(0, 256, 8, dtype=np.uint8)[:, None], (50, 32, 1, 1))
    result = random_resized_crop(batch, np.random.default_rng(0), min_area_share=0.25)
    rows = result[:, 16, :, 0].astype(int)
    assert (np.diff(rows) >= 0).all()
    assert (rows[:, -1] - rows[:, 0] < 248).mean() > 0.8


@pytest.mark.parametrize(
    "by",
    [
        Augmentation(),
        Augmentation(pad_pixels=2, flip=True),
        Augmentation(min_area_share=0.25, flip=True),
    ],
)
def test_augment_repeats_with_the_same_seed(by: Augmentation) -> None:
    batch = numbered(30, size=6, channels=3)
    before = batch.copy()
    first, second = (augment(batch, np.random.default_rng(7), by=by) for _ in range(2))
    assert np.array_equal(first, second)
    assert np.array_equal(batch, before)
    assert first.dtype == np.uint8
    assert first.shape == batch.shape
    assert np.array_equal(first, batch) == (by == Augmentation())


def test_empty_batch_stays_empty() -> None:
    everything = Augmentation(min_area_share=0.5, pad_pixels=1, flip=True)
    result = augment(numbered(0), np.random.default_rng(0), by=everything)
    assert result.shape == (0, 4, 4, 1)
