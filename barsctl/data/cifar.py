"""CIFAR-10 and CIFAR-100, as their binary or their Python files.

Binary records are one or two label bytes and 3072 pixels, plane by plane; CIFAR-100's first label
is the coarse one. The Python files hold the same rows of 3072 and the labels as a list.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from barsctl.errors import DataError

from .array_pickle import read_pickled_table
from .augment import Augmentation
from .collection import Collection, Request
from .source import Images, Pixels
from .storage import cache_folder

_PIXEL_BYTES = 3 * 32 * 32


@dataclass(frozen=True, slots=True)
class _Layout:
    """One of the two forms in which a set is given out."""

    folder: str
    train_files: tuple[str, ...]
    test_file: str
    names_file: str
    read_images: Callable[[Path], Images]
    read_names: Callable[[Path], list[str]]


def load_cifar(request: Request) -> Collection:
    """Read cifar10 or cifar100 from the data folder, or from the cache folder without one."""
    folder, layout = _find(request)
    parts = [layout.read_images(folder / file) for file in layout.train_files]
    return Collection(
        class_names=tuple(layout.read_names(folder / layout.names_file)),
        train=Images(
            np.concatenate([part.images for part in parts]),
            np.concatenate([part.labels for part in parts]),
        ),
        test=layout.read_images(folder / layout.test_file),
        augmentation=Augmentation(pad_pixels=4, flip=True),
    )


def _find(request: Request) -> tuple[Path, _Layout]:
    """Return the first folder that holds one of the forms, by the presence of its test images."""
    root = request.data_dir or cache_folder(request.name)
    layouts = _LAYOUTS[request.name]
    for layout in layouts:
        for folder in (root, root / layout.folder):
            if (folder / layout.test_file).is_file():
                return folder, layout
    wanted = " or ".join(f"{layout.folder}/{layout.test_file}" for layout in layouts)
    raise DataError(
        f"{root} holds no {request.name}: expected {wanted} in it;"
        " unpack the archive there or give its folder with --data-dir"
    )


def _read_records(path: Path, *, label_bytes: int) -> Images:
    try:
        content = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error}); unpack the archive again") from error
    record_bytes = label_bytes + _PIXEL_BYTES
    if len(content) == 0 or len(content) % record_bytes:
        raise DataError(
            f"{path} holds {len(content)} bytes: expected a multiple of {record_bytes},"
            " a record's size; unpack the archive again"
        )
    records = content.reshape(-1, record_bytes)
    labels = records[:, label_bytes - 1].astype(np.int64)
    return Images(_interleave(records[:, label_bytes:]), labels)


def _read_pickle(path: Path, *, labels_key: str) -> Images:
    table = read_pickled_table(path)
    rows = table.array("data")
    if rows.ndim != 2 or rows.shape[1] != _PIXEL_BYTES:
        raise DataError(
            f"{path} holds data of shape {rows.shape}: expected [count, {_PIXEL_BYTES}];"
            " unpack the archive again"
        )
    return Images(_interleave(rows), np.array(table.integers(labels_key), dtype=np.int64))


def _interleave(rows: Pixels) -> Pixels:
    """Turn rows of three planes [count, 3072] into images [count, 32, 32, 3]."""
    return np.ascontiguousarray(rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text("ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}); unpack the archive again") from error


def _read_pickled_names(path: Path, *, key: str) -> list[str]:
    return read_pickled_table(path).texts(key)


_LAYOUTS = {
    "cifar10": (
        _Layout(
            folder="cifar-10-batches-bin",
            train_files=tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
            test_file="test_batch.bin",
            names_file="batches.meta.txt",
            read_images=partial(_read_records, label_bytes=1),
            read_names=_read_lines,
        ),
        _Layout(
            folder="cifar-10-batches-py",
            train_files=tuple(f"data_batch_{number}" for number in range(1, 6)),
            test_file="test_batch",
            names_file="batches.meta",
            read_images=partial(_read_pickle, labels_key="labels"),
            read_names=partial(_read_pickled_names, key="label_names"),
        ),
    ),
    "cifar100": (
        _Layout(
            folder="cifar-100-binary",
            train_files=("train.bin",),
            test_file="test.bin",
            names_file="fine_label_names.txt",
            read_images=partial(_read_records, label_bytes=2),
            read_names=_read_lines,
        ),
        _Layout(
            folder="cifar-100-python",
            train_files=("train",),
            test_file="test",
            names_file="meta",
            read_images=partial(_read_pickle, labels_key="fine_labels"),
            read_names=partial(_read_pickled_names, key="fine_label_names"),
        ),
    ),
}
