"""Images that come along with a model: a numpy file or a folder, with labels or without."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.lib.format import read_array
from numpy.typing import NDArray

from .data.archive import read_archive, read_entries
from .data.collection import Request
from .data.folders import SUFFIXES, FolderImages, load_folders
from .data.source import Images, ImageSource, Indices, Labels, Pixels
from .errors import DataError

# Of red, green and blue, in 2^16ths, as in targets/runtime/colour.c.
_LUMA = np.array([19595, 38470, 7471], np.uint32)


@dataclass(frozen=True, slots=True)
class GivenImages:
    """Images to calibrate on, others to compare on - the same where the files set none apart -,
    and the names of their labels, None where there are none."""

    calibration: ImageSource
    test: ImageSource
    class_names: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, eq=False)
class _GreyImages:
    """Colour images in grey, as a program makes them for a network of one channel."""

    colour: ImageSource
    channels: int = field(default=1, init=False)

    def __len__(self) -> int:
        return len(self.colour)

    @property
    def labels(self) -> Labels:
        return self.colour.labels

    @property
    def image_size(self) -> int:
        return self.colour.image_size

    def batch(self, indices: Indices) -> Pixels:
        """The grey images at the indices, [len(indices), size, size, 1]."""
        sums = self.colour.batch(indices).astype(np.uint32) @ _LUMA
        return ((sums + (1 << 15)) >> 16).astype(np.uint8)[..., np.newaxis]

    def subset(self, indices: Indices) -> "_GreyImages":
        """A source of only the images at the indices, in their order."""
        return _GreyImages(self.colour.subset(indices))


def read_images(path: Path, *, image_size: int, channels: int) -> GivenImages:
    """Read an .npz or .npy file, a folder of class folders, or a folder of images.

    Images of a folder are scaled to the size, and become grey for one channel.

    Raises DataError where these are no images of the size and channels.
    """
    found = _read(path, image_size=image_size)
    if path.is_dir() and channels == 1:
        found = replace(
            found, calibration=_GreyImages(found.calibration), test=_GreyImages(found.test)
        )
    for source in (found.calibration, found.test):
        if (source.image_size, source.channels) != (image_size, channels):
            raise DataError(
                f"{path}: images of size {source.image_size} with {source.channels} channels; the "
                f"model reads size {image_size} with {channels}: scale and convert them"
            )
        if not len(source):
            raise DataError(f"{path} holds no images; give at least one")
    return found


def _read(path: Path, *, image_size: int) -> GivenImages:
    if path.is_dir():
        return _read_folder(path, image_size=image_size)
    if path.suffix == ".npy":
        return _unlabelled(_array(path), path)
    entries = read_entries(path)
    if "labels" not in entries and "images" in entries:
        return _unlabelled(entries["images"], path)
    collection = read_archive(path)
    return GivenImages(
        collection.train, collection.test or collection.train, collection.class_names
    )


def _array(path: Path) -> NDArray[np.generic]:
    try:
        with path.open("rb") as file:
            # Not numpy.load: it takes a file for an archive or a pickle as well.
            found: NDArray[np.generic] = read_array(file, allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # a header is Python, and may be of any kind and size
        raise DataError(f"{path} is no plain array ({error}); write it with numpy.save") from error
    return found


def _read_folder(path: Path, *, image_size: int) -> GivenImages:
    files = sorted(each for each in path.iterdir() if each.suffix.lower() in SUFFIXES)
    if files:
        labels = np.zeros(len(files), np.int64)
        source = FolderImages(tuple(files), labels, image_size)
        return GivenImages(source, source, None)
    collection = load_folders(Request("folder", path, image_size))
    return GivenImages(
        collection.train, collection.test or collection.train, collection.class_names
    )


def _unlabelled(pixels: NDArray[np.generic], path: Path) -> GivenImages:
    if pixels.dtype != np.uint8:
        raise DataError(
            f"{path}: images are {pixels.dtype}, pixels are uint8 from 0 to 255; scale them to "
            "that range and convert them with astype('uint8')"
        )
    images = pixels.astype(np.uint8, copy=False)
    images = images[..., np.newaxis] if images.ndim == 3 else images
    source = Images(images, np.zeros(images.shape[:1], np.int64))
    return GivenImages(source, source, None)
