"""Photographs in a folder per class, as ImageNet is laid out; decoded when a batch is drawn."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from barsctl.errors import DataError

from .augment import Augmentation
from .collection import Collection, Request
from .source import Indices, Labels, Pixels

DEFAULT_SIZE = 224
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}
_FILTER = Image.Resampling.BILINEAR
_FORMATS = ("JPEG", "PNG", "BMP", "WEBP")
_TRAIN_FOLDERS = ("train", "training")
_TEST_FOLDERS = ("test", "val", "validation")
# Smaller crops, as small as 0.08 for large float networks, hold back networks of few bits.
_AUGMENTATION = Augmentation(min_area_share=0.25, flip=True)


@dataclass(frozen=True, slots=True, eq=False)
class FolderImages:
    """Image files that are decoded, cropped to their centre square and scaled on demand."""

    files: tuple[Path, ...]
    labels: Labels
    image_size: int
    channels: int = field(default=3, init=False)

    def __len__(self) -> int:
        return len(self.files)

    def batch(self, indices: Indices) -> Pixels:
        """Decode the images at the indices, [len(indices), size, size, 3], on all processors.

        Raises:
            DataError: a file is damaged or no 8-bit image.
        """
        files = [self.files[index] for index in indices]
        if not files:
            return np.empty((0, self.image_size, self.image_size, 3), np.uint8)
        # Threads suffice: Pillow lets go of the interpreter while it decodes and scales.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return np.stack(list(pool.map(self._decode, files)))

    def subset(self, indices: Indices) -> "FolderImages":
        """Return a source of only the images at the indices, in their order."""
        files = tuple(self.files[index] for index in indices)
        return FolderImages(files, self.labels[indices], self.image_size)

    def _decode(self, file: Path) -> Pixels:
        return decode(file, image_size=self.image_size)


def load_folders(request: Request) -> Collection:
    """Read ROOT/train/CLASS/*.jpg and ROOT/val/CLASS/*.jpg, or ROOT/CLASS/*.jpg without a split."""
    root = request.data_dir
    if root is None:
        raise DataError(f"{request.name} needs a folder of class folders: give it with --data-dir")
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: --data-dir names the folder of class folders")
    size = request.image_size or DEFAULT_SIZE
    train_root = _first_folder(root, _TRAIN_FOLDERS) or root
    class_names = _class_names(train_root)
    test_root = None if train_root == root else _first_folder(root, _TEST_FOLDERS)
    return Collection(
        class_names=class_names,
        train=_scan(train_root, class_names, image_size=size),
        test=_scan(test_root, class_names, image_size=size) if test_root else None,
        augmentation=_AUGMENTATION,
    )


def decode(file: Path, *, image_size: int) -> Pixels:
    """Return the largest centred square of an image, scaled, as RGB [size, size, 3].

    Raises:
        DataError: the file is damaged or no 8-bit image.
    """
    try:
        with Image.open(file, formats=_FORMATS) as image:
            if image.mode.startswith(("I", "F")):
                raise DataError(f"{file} has pixels of mode {image.mode}; save it with 8 bits each")
            # JPEGs can be decoded at a fraction of their size, in a fraction of the time.
            image.draft("RGB", (2 * image_size, 2 * image_size))
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{file} is no readable image ({error}); remove or replace it") from error
    return np.asarray(_centre_square(upright).resize((image_size, image_size), _FILTER))


def _centre_square(image: Image.Image) -> Image.Image:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def _first_folder(root: Path, names: Iterable[str]) -> Path | None:
    return next((root / name for name in names if (root / name).is_dir()), None)


def _class_names(root: Path) -> tuple[str, ...]:
    names = sorted(entry.name for entry in os.scandir(root) if entry.is_dir())
    if len(names) < 2:
        raise DataError(
            f"{root} holds {len(names)} folders: expected one per class, at least 2;"
            " sort the images into folders named by their class"
        )
    for name in names:
        if os.fsencode(name).decode(errors="replace") != name:
            raise DataError(
                f"{root}: the folder {name} has a name that is no UTF-8, and classes are named by "
                "folders; rename it"
            )
    return tuple(names)


def _scan(root: Path, class_names: tuple[str, ...], *, image_size: int) -> FolderImages:
    """List the files of every class folder in sorted order, so that an index means one file."""
    strangers = set(_class_names(root)) - set(class_names)
    if strangers:
        raise DataError(
            f"{root} has the class folder {min(strangers)!r}, which no training image has;"
            " remove it or add training images of that class"
        )
    files: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(class_names):
        found = sorted(p for p in (root / name).glob("*") if p.suffix.lower() in SUFFIXES)
        files += found
        labels += [label] * len(found)
    return FolderImages(tuple(files), np.array(labels, dtype=np.int64), image_size)
