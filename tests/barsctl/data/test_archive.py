from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from barsctl.data.archive import read_archive
from barsctl.errors import DataError

IMAGES = np.arange(3 * 16 * 16, dtype=np.int64).reshape(3, 16, 16).astype(np.uint8)
LABELS = np.array([0, 1, 1])


def write(folder: Path, **entries: NDArray[np.generic]) -> Path:
    path = folder / "own.npz"
    np.savez(path, allow_pickle=True, **entries)
    return path


def test_grey_images_get_a_channel_axis(tmp_path: Path) -> None:
    collection = read_archive(write(tmp_path, images=IMAGES, labels=LABELS.astype(np.uint16)))
    assert np.array_equal(collection.train.batch(np.array([2, 0])), IMAGES[[2, 0], ..., None])
    assert collection.train.labels.dtype == np.int64
    assert collection.class_names == ("0", "1")
    assert collection.test is None
    assert collection.augmentation.pad_pixels == 2


def test_names_and_test_images_are_read(tmp_path: Path) -> None:
    colour = np.repeat(IMAGES[..., None], 3, axis=3)
    path = write(
        tmp_path,
        images=colour,
        labels=LABELS,
        test_images=colour[:1],
        test_labels=LABELS[:1],
        class_names=np.array(["left", "right"]),
    )
    collection = read_archive(path)
    assert collection.class_names == ("left", "right")
    assert collection.test is not None
    assert (len(collection.test), collection.test.channels) == (1, 3)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"images": IMAGES}, "holds images: 'labels' is missing"),
        ({"images": IMAGES, "labels": LABELS[:2]}, "3 images, but labels of shape"),
        ({"images": IMAGES[:, :15], "labels": LABELS}, r"\(3, 15, 16, 1\): expected .* squares"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, "none of them 0"),
        ({"images": IMAGES / 255, "labels": LABELS}, r"images are float64.*astype\('uint8'\)"),
        ({"images": IMAGES, "labels": LABELS / 1}, r"labels are float64.*astype\('int64'\)"),
        ({"images": IMAGES, "labels": np.array([0, 1, None])}, "not an archive of plain arrays"),
        ({"images": IMAGES, "labels": LABELS, "test_labels": LABELS}, "'test_images' is missing"),
    ],
)
def test_archive_that_breaks_a_rule_is_refused(
    entries: dict[str, NDArray[np.generic]], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        read_archive(write(tmp_path, **entries))


@pytest.mark.parametrize("kept", [0.2, 0.6, 0.99])
def test_truncated_archive_is_refused(kept: float, tmp_path: Path) -> None:
    path = write(tmp_path, images=IMAGES, labels=LABELS)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(DataError, match="not an archive of plain arrays"):
        read_archive(path)


def test_missing_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read .*; check the path"):
        read_archive(tmp_path / "none.npz")


def test_huge_label_makes_no_huge_list_of_classes(tmp_path: Path) -> None:
    collection = read_archive(write(tmp_path, images=IMAGES, labels=np.array([0, 1, 2**60])))
    assert len(collection.class_names) == 4


@pytest.mark.parametrize("content", [b"", b"hello", b"\x93NUMPY\x01\x00"])
def test_other_files_are_no_archives(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "images.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"is not an archive of plain arrays \(File is not a zip"):
        read_archive(path)
