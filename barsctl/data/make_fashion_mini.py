"""Writes the embedded subset of Fashion-MNIST; the same IDX files always give the same bytes.

`python -m barsctl.data.make_fashion_mini FOLDER` takes the first 750 training and the first 200
test images of every class, in the order of the IDX files in the folder.
"""

import sys
import zipfile
from pathlib import Path

import numpy as np
from numpy.lib.format import write_array
from numpy.typing import NDArray

from .fashion_mini import EMBEDDED_FILE
from .fashion_mnist import CLASS_NAMES, read_part
from .source import Images

_TRAIN_PER_CLASS = 750
_TEST_PER_CLASS = 200


def write_fashion_mini(folder: Path, path: Path) -> None:
    """Write the subset of the IDX files in the folder to the path."""
    train = _first_of_each(read_part(folder, part="train"), count=_TRAIN_PER_CLASS)
    test = _first_of_each(read_part(folder, part="t10k"), count=_TEST_PER_CLASS)
    entries = {
        "images": train.images[..., 0],
        "labels": train.labels.astype(np.uint8),
        "test_images": test.images[..., 0],
        "test_labels": test.labels.astype(np.uint8),
        "class_names": np.array(CLASS_NAMES),
    }
    _write_archive(path, entries)


def _first_of_each(images: Images, *, count: int) -> Images:
    chosen = [np.flatnonzero(images.labels == label)[:count] for label in range(len(CLASS_NAMES))]
    return images.subset(np.sort(np.concatenate(chosen)))


def _write_archive(path: Path, entries: dict[str, NDArray[np.generic]]) -> None:
    """Write an .npz without dates in it, by bzip2: for photographs a tenth smaller than deflate."""
    partial = path.with_name(f"{path.name}.partial")
    with zipfile.ZipFile(partial, "w") as archive:
        for name, array in entries.items():
            member = zipfile.ZipInfo(f"{name}.npy")
            member.compress_type = zipfile.ZIP_BZIP2
            with archive.open(member, "w") as file:
                write_array(file, array, allow_pickle=False)
    partial.replace(path)


if __name__ == "__main__":
    write_fashion_mini(Path(sys.argv[1]), EMBEDDED_FILE)
