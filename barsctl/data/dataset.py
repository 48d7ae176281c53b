"""A data set ready for a search: split, measured and checked."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from barsctl.errors import DataError

from .augment import Augmentation
from .collection import Collection
from .source import ImageSource, Indices, Labels

# Files without test images give this share away, the same images for every seed: no run trains on
# what another run is tested on.
_TEST_SHARE = 0.15
_TEST_SEED = 0
_MEASURED_IMAGES = 2_000
_MEASURED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled images in three disjoint parts, with what training has to know about them."""

    name: str
    class_names: tuple[str, ...]
    train: ImageSource
    validation: ImageSource
    test: ImageSource
    mean: tuple[float, ...]
    """Per channel of the training images, in pixel units from 0 to 255."""
    std: tuple[float, ...]
    """Likewise, and at least 1: a channel that never changes divides by 1."""
    augmentation: Augmentation

    @property
    def image_size(self) -> int:
        """Height and width in pixels."""
        return self.train.image_size

    @property
    def channels(self) -> int:
        """1 for grey images, 3 for colour."""
        return self.train.channels


def prepare(collection: Collection, name: str, *, seed: int, validation_share: float) -> Dataset:
    """Check the labels, split validation images (and test images, where missing) off, measure.

    Raises:
        DataError: a label is out of range or a class has too few images to be split.
    """
    if not 0 < validation_share < 1:
        raise DataError(f"validation share {validation_share}: give a number between 0 and 1")
    if seed < 0:
        raise DataError(f"seed {seed}: give a number from 0 on")
    names = collection.class_names
    train, test = collection.train, collection.test
    check_labels(train.labels, len(names), part="training")
    if test is None:
        kept, taken = split(train.labels, names, share=_TEST_SHARE, seed=_TEST_SEED)
        train, test = train.subset(kept), train.subset(taken)
    check_labels(test.labels, len(names), part="test")
    _check_same_kind(train, test)
    kept, taken = split(train.labels, names, share=validation_share, seed=seed)
    validation, train = train.subset(taken), train.subset(kept)
    mean, std = measure(train)
    return Dataset(
        name=name,
        class_names=names,
        train=train,
        validation=validation,
        test=test,
        mean=mean,
        std=std,
        augmentation=collection.augmentation,
    )


def split(
    labels: Labels, class_names: tuple[str, ...], *, share: float, seed: int
) -> tuple[Indices, Indices]:
    """Return (kept, taken) indices, ascending; the share of every class is taken, at least one."""
    generator = np.random.default_rng(seed)
    taken = []
    for label, name in enumerate(class_names):
        members = np.flatnonzero(labels == label)
        if len(members) < 2:
            raise DataError(
                f"class {label} ({name}) has {len(members)} images to split: every class needs"
                " at least 2; add images or leave the class out (labels count from 0)"
            )
        count = min(max(1, round(share * len(members))), len(members) - 1)
        taken.append(generator.choice(members, count, replace=False))
    mask = np.zeros(len(labels), dtype=bool)
    mask[np.concatenate(taken)] = True
    return np.flatnonzero(~mask), np.flatnonzero(mask)


def measure(source: ImageSource) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation per channel of evenly spread images, at most 2000."""
    count = min(len(source), _MEASURED_IMAGES)
    chosen = np.linspace(0, len(source) - 1, count).round().astype(np.int64)
    histograms = np.zeros((source.channels, 256), dtype=np.int64)
    for start in range(0, count, _MEASURED_AT_ONCE):
        histograms += _histograms(source, chosen[start : start + _MEASURED_AT_ONCE])
    pixels = histograms.sum(axis=1)
    values = np.arange(256)
    mean = histograms @ values / pixels
    variance = histograms @ values**2 / pixels - mean**2
    std = np.sqrt(np.maximum(variance, 1))
    return tuple(mean.tolist()), tuple(std.tolist())


def _histograms(source: ImageSource, indices: Indices) -> NDArray[np.int64]:
    batch = source.batch(indices)
    return np.stack(
        [
            np.bincount(batch[..., channel].ravel(), minlength=256)
            for channel in range(source.channels)
        ]
    )


def check_labels(labels: Labels, classes: int, *, part: str) -> None:
    """Raise DataError where there are no labels, or one is none of the classes'."""
    if len(labels) == 0:
        raise DataError(f"no {part} images: at least one is needed; check the files")
    for label in (int(labels.min()), int(labels.max())):
        if not 0 <= label < classes:
            raise DataError(
                f"label {label} among the {part} images: {classes} classes have the"
                f" labels 0 to {classes - 1}; correct the labels or the class names"
            )


def _check_same_kind(train: ImageSource, test: ImageSource) -> None:
    kinds = [(part.image_size, part.image_size, part.channels) for part in (train, test)]
    if kinds[0] != kinds[1]:
        raise DataError(
            f"test images of shape {kinds[1]}, training images of shape {kinds[0]}:"
            " both need the same; scale one of them"
        )
