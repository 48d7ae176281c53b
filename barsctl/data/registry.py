"""The data sets by name, as the command line knows them."""

from collections.abc import Callable
from pathlib import Path

from barsctl.errors import DataError

from .archive import load_archive
from .cifar import load_cifar
from .collection import Collection, Request
from .dataset import Dataset, prepare
from .fashion_mini import load_fashion_mini
from .fashion_mnist import load_fashion_mnist
from .folders import load_folders
from .names import DataName

READERS: dict[DataName, Callable[[Request], Collection]] = {
    "fashion-mini": load_fashion_mini,
    "fashion-mnist": load_fashion_mnist,
    "cifar10": load_cifar,
    "cifar100": load_cifar,
    "imagenet": load_folders,
    "folder": load_folders,
    "npz": load_archive,
}


def load(
    name: DataName,
    *,
    seed: int,
    data_dir: Path | None = None,
    image_size: int | None = None,
    validation_share: float = 0.1,
) -> Dataset:
    """Return the named data set, split by the seed.

    Args:
        name: the data set.
        seed: chooses which training images become validation images.
        data_dir: the folder (npz: the file) to read; None for the usual places.
        image_size: height and width in pixels, for folders of photographs only.
        validation_share: share of the training images that become validation images.

    Raises:
        DataError: the data are missing, damaged or against a rule.
    """
    reader = READERS[name]
    if image_size is not None and reader is not load_folders:
        raise DataError(
            f"image size {image_size} for {name}: only folders of photographs are scaled;"
            " leave the size out"
        )
    if image_size is not None and image_size < 1:
        raise DataError(f"image size {image_size}: images have at least 1 pixel; give more")
    collection = reader(Request(name, data_dir, image_size))
    return prepare(collection, name, seed=seed, validation_share=validation_share)
