"""A numpy archive (.npz) of images and labels: anybody's own data in one file.

Entries: `images` uint8 [count, size, size] or [count, size, size, channels], `labels` integers
[count] from 0; optionally `test_images` and `test_labels` of the same kind, `class_names` texts.
"""

from pathlib import Path
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from barsctl.errors import DataError

from .augment import Augmentation
from .collection import Collection, Request
from .source import Images

_Entries = dict[str, NDArray[np.generic]]


def load_archive(request: Request) -> Collection:
    """Read the file that --data-dir names."""
    if request.data_dir is None:
        raise DataError("npz needs a file of images and labels: give its path with --data-dir")
    return read_archive(request.data_dir)


def read_archive(path: Path) -> Collection:
    """Return what an archive holds, with an augmentation that suits any kind of picture.

    Training images are shifted by up to an eighth of their size, but never mirrored: that would
    turn one letter into another.

    Raises:
        DataError: the file is missing, damaged or breaks a rule above.
    """
    entries = read_entries(path)
    train = _images(entries, path, prefix="")
    has_test = "test_images" in entries or "test_labels" in entries
    # Without names there are no more classes than images, whatever a damaged label says.
    classes = min(train.labels.max(), len(train)) + 1
    names = entries.get("class_names", np.arange(classes)).ravel()
    return Collection(
        class_names=tuple(str(name) for name in names),
        train=train,
        test=_images(entries, path, prefix="test_") if has_test else None,
        augmentation=Augmentation(pad_pixels=train.image_size // 8),
    )


def read_entries(path: Path) -> _Entries:
    """The arrays of an archive by name. Raises DataError where it is damaged or no archive."""
    try:
        # Opened as a zip file first: numpy would take the file for an array or a pickle as well.
        with ZipFile(path), np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error}); check the path") from error
    except Exception as error:  # a damaged archive may fail in the zip, in bzip2 or in numpy
        raise DataError(
            f"{path} is not an archive of plain arrays ({error}); write it with numpy.savez"
        ) from error


def _images(entries: _Entries, path: Path, *, prefix: str) -> Images:
    pixels, labels = (_entry(entries, path, name=prefix + part) for part in ("images", "labels"))
    if pixels.dtype != np.uint8:
        raise DataError(
            f"{path}: {prefix}images are {pixels.dtype}, pixels are uint8 from 0 to 255;"
            " scale them to that range and convert them with astype('uint8')"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise DataError(
            f"{path}: {prefix}labels are {labels.dtype}, labels are integers from 0;"
            " convert them with astype('int64')"
        )
    if pixels.ndim == 3:
        pixels = pixels[..., np.newaxis]
    return Images(pixels.astype(np.uint8, copy=False), labels.astype(np.int64))


def _entry(entries: _Entries, path: Path, *, name: str) -> NDArray[np.generic]:
    if name not in entries:
        raise DataError(
            f"{path} holds {', '.join(entries) or 'nothing'}: {name!r} is missing;"
            f" write it with numpy.savez(path, {name}=...)"
        )
    return entries[name]
