"""Random images in the formats of CIFAR-10 and of ImageNet, each as large as a real one."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CIFAR_RECORDS = 10_000
CLASSES = 1000
PHOTOGRAPHS = {"train": 2, "val": 1}
"""Per class: of the two one is taken for validation, so that 1 000 are left to train with."""
PHOTOGRAPH_SIZE = 500, 375
# (cells across, deviation): coarse patches and fine grain together compress to about 110 KB.
OCTAVES = ((4, 60.0), (16, 35.0), (64, 20.0), (250, 42.0))
DISTINCT_PHOTOGRAPHS = 64


def write_cifar(folder: Path) -> None:
    """Write CIFAR-10's binary files, at their full size of 184 MB."""
    generator = np.random.default_rng(0)
    place = folder / "cifar-10-batches-bin"
    place.mkdir(parents=True)
    names = [f"data_batch_{number}.bin" for number in range(1, 6)]
    for name in (*names, "test_batch.bin"):
        records = generator.integers(0, 256, (CIFAR_RECORDS, 1 + 3 * 32 * 32), dtype=np.uint8)
        records[:, 0] %= 10
        records.tofile(place / name)
    (place / "batches.meta.txt").write_text("\n".join(f"class{number}" for number in range(10)))


def write_imagenet(folder: Path) -> None:
    """Write 3 000 names of JPEG files as train/CLASS and val/CLASS, for 1 000 classes."""
    generator = np.random.default_rng(0)
    distinct = folder / "distinct"
    distinct.mkdir(parents=True)
    for number in range(DISTINCT_PHOTOGRAPHS):
        (distinct / f"{number}.JPEG").write_bytes(_photograph(generator))
    for part, count in PHOTOGRAPHS.items():
        drawn = generator.integers(DISTINCT_PHOTOGRAPHS, size=(CLASSES, count)).tolist()
        for label, numbers in enumerate(drawn):
            place = folder / part / f"n{label:08d}"
            place.mkdir(parents=True)
            for image, number in enumerate(numbers):
                (place / f"{image}.JPEG").hardlink_to(distinct / f"{number}.JPEG")


def _photograph(generator: np.random.Generator) -> bytes:
    """A JPEG file of noise at several scales, which decodes in a photograph's time."""
    width, height = PHOTOGRAPH_SIZE
    total: NDArray[np.float32] = np.full((height, width, 3), 120, np.float32)
    for across, deviation in OCTAVES:
        shape = (3, across * height // width, across)
        for channel, plane in enumerate(generator.normal(0, deviation, shape)):
            coarse = Image.fromarray(plane.astype(np.float32))
            total[:, :, channel] += np.asarray(coarse.resize(PHOTOGRAPH_SIZE))
    file = io.BytesIO()
    Image.fromarray(total.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=90)
    return file.getvalue()
