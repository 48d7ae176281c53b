import numpy as np
import pytest

from barsctl.data.augment import Augmentation
from barsctl.data.collection import Collection
from barsctl.data.dataset import Dataset, measure, prepare, split
from barsctl.data.source import Images, Labels
from barsctl.errors import DataError

NAMES = ("a", "b")


def images(labels: Labels, *, size: int = 2) -> Images:
    """Images whose first pixel is their index, so that they can be told apart."""
    pixels = np.zeros((len(labels), size, size, 1), dtype=np.uint8)
    pixels[:, 0, 0, 0] = np.arange(len(labels))
    return Images(pixels, labels.astype(np.int64))


def prepared(labels: Labels, *, test: Images | None = None, seed: int = 0) -> Dataset:
    collection = Collection(NAMES, images(labels), test, Augmentation())
    return prepare(collection, "made", seed=seed, validation_share=0.25)


def ids(part: object) -> set[int]:
    assert isinstance(part, Images)
    return set(part.images[:, 0, 0, 0].tolist())


def test_split_takes_the_share_of_every_class() -> None:
    labels = np.array([0] * 40 + [1] * 10)
    kept, taken = split(labels, NAMES, share=0.2, seed=3)
    assert np.bincount(labels[taken]).tolist() == [8, 2]
    assert sorted([*kept, *taken]) == list(range(50))


def test_split_takes_and_keeps_at_least_one() -> None:
    labels = np.array([0, 0, 1, 1])
    for share in (0.01, 0.99):
        kept, taken = split(labels, NAMES, share=share, seed=0)
        assert (len(kept), len(taken)) == (2, 2)


def test_parts_are_disjoint_and_complete() -> None:
    dataset = prepared(np.tile([0, 1], 50))
    parts = [ids(part) for part in (dataset.train, dataset.validation, dataset.test)]
    assert set.union(*parts) == set(range(100))
    assert sum(map(len, parts)) == 100


def test_seed_moves_validation_but_never_test() -> None:
    labels = np.tile([0, 1], 50)
    first, again, other = (prepared(labels, seed=seed) for seed in (1, 1, 2))
    assert ids(first.validation) == ids(again.validation) != ids(other.validation)
    assert ids(first.test) == ids(other.test)


def test_own_test_images_stay_whole() -> None:
    test = images(np.array([1, 0, 1]))
    assert prepared(np.tile([0, 1], 10), test=test).test is test


def test_measure_gives_mean_and_deviation() -> None:
    # Channel 0 holds 0 and 10 in equal parts: mean 5, deviation 5. Channel 1 is constant.
    pixels = np.zeros((4, 2, 2, 2), dtype=np.uint8)
    pixels[:2, ..., 0] = 10
    pixels[..., 1] = 7
    mean, std = measure(Images(pixels, np.zeros(4, dtype=np.int64)))
    assert mean == (5.0, 7.0)
    assert std == (5.0, 1.0)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 0, 1, 1, 2], "label 2 among the training images: 2 classes have the labels 0 to 1"),
        ([0, 0, 1, 1, -1], "label -1 among the training images"),
        ([1, 1, 1, 1, 1], r"class 0 \(a\) has 0 images .*labels count from 0"),
        ([0, 0, 0, 1], r"class 1 \(b\) has 1 images"),
    ],
)
def test_labels_out_of_range_are_refused(labels: list[int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        prepared(np.array(labels))


def test_test_labels_out_of_range_are_refused() -> None:
    with pytest.raises(DataError, match="label 5 among the test images"):
        prepared(np.tile([0, 1], 10), test=images(np.array([0, 5])))


def test_test_images_of_another_size_are_refused() -> None:
    with pytest.raises(DataError, match=r"shape \(3, 3, 1\), training images of shape \(2, 2, 1\)"):
        prepared(np.tile([0, 1], 10), test=images(np.array([0, 1]), size=3))


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, float("nan")])
def test_share_outside_its_range_is_refused(share: float) -> None:
    collection = Collection(NAMES, images(np.tile([0, 1], 10)), None, Augmentation())
    with pytest.raises(DataError, match=r"validation share .* between 0 and 1"):
        prepare(collection, "made", seed=0, validation_share=share)


def test_negative_seed_is_refused() -> None:
    with pytest.raises(DataError, match="seed -1: give a number from 0 on"):
        prepared(np.tile([0, 1], 10), seed=-1)
