from pathlib import Path

import numpy as np
import pytest
from numpy.lib.format import write_array_header_1_0
from PIL import Image

from barsctl.errors import DataError
from barsctl.given_images import read_images

PIXELS = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4)


def test_array_file_has_no_labels(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", PIXELS)
    found = read_images(tmp_path / "images.npy", image_size=4, channels=1)
    assert found.class_names is None
    assert np.array_equal(found.test.batch(np.array([1]))[0, ..., 0], PIXELS[1])


def test_archive_without_labels_is_taken(tmp_path: Path) -> None:
    np.savez(tmp_path / "images.npz", images=PIXELS)
    found = read_images(tmp_path / "images.npz", image_size=4, channels=1)
    assert (len(found.calibration), found.class_names) == (6, None)


def test_test_images_are_compared_on(tmp_path: Path) -> None:
    labels = np.array([0, 1, 2, 0, 1, 2])
    np.savez(
        tmp_path / "images.npz", images=PIXELS, labels=labels,
        test_images=PIXELS[:2], test_labels=labels[:2],
    )  # fmt: skip
    found = read_images(tmp_path / "images.npz", image_size=4, channels=1)
    assert (len(found.calibration), len(found.test)) == (6, 2)
    assert found.class_names == ("0", "1", "2")


@pytest.mark.parametrize("folders", [("",), ("cat", "dog")])
def test_folder_of_images_or_of_classes_is_read(folders: tuple[str, ...], tmp_path: Path) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir(exist_ok=True)
        Image.new("RGB", (5, 5)).save(tmp_path / folder / "one.png")
    found = read_images(tmp_path, image_size=4, channels=3)
    assert len(found.test) == len(folders)
    assert found.class_names == (None if folders == ("",) else folders)


@pytest.mark.parametrize("folder", ["", "cat"])
def test_folder_becomes_grey_for_one_channel(folder: str, tmp_path: Path) -> None:
    (tmp_path / "dog").mkdir()
    (tmp_path / folder).mkdir(exist_ok=True)
    Image.fromarray(PIXELS[5]).save(tmp_path / folder / "1.png")
    Image.new("RGB", (4, 4), (200, 100, 50)).save(tmp_path / folder / "2.png")
    found = read_images(tmp_path, image_size=4, channels=1).test
    assert (found.channels, len(found.subset(np.array([1])))) == (1, 1)
    grey, colour = found.batch(np.array([0, 1]))
    assert np.array_equal(grey[..., 0], PIXELS[5])
    # (19595 * 200 + 38470 * 100 + 7471 * 50 + 32768) >> 16, as in the program.
    assert np.unique(colour).tolist() == [124]


def test_images_of_another_size_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", PIXELS)
    with pytest.raises(DataError, match="size 4 with 1 channels; the model reads size 8 with 3"):
        read_images(tmp_path / "images.npy", image_size=8, channels=3)


def test_floats_and_pickles_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", PIXELS.astype(np.float32))
    with pytest.raises(DataError, match="images are float32, pixels are uint8"):
        read_images(tmp_path / "images.npy", image_size=4, channels=1)
    np.save(tmp_path / "images.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(DataError, match="is no plain array"):
        read_images(tmp_path / "images.npy", image_size=4, channels=1)


def test_files_that_are_no_arrays_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "images.npy"
    np.savez(tmp_path / "images.npz", images=PIXELS)
    (tmp_path / "images.npz").rename(path)
    with pytest.raises(DataError, match=r"images\.npy is no plain array .*; write it with"):
        read_images(path, image_size=4, channels=1)
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"images\.npy is no plain array"):
        read_images(path, image_size=4, channels=1)
    np.save(path, np.uint8(3))
    with pytest.raises(DataError, match=r"images of shape \(\): expected \[count, size, size"):
        read_images(path, image_size=4, channels=1)


def test_header_that_is_no_python_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "images.npy"
    np.save(path, np.zeros((2, 4, 4), np.uint8))
    path.write_bytes(path.read_bytes().replace(b"'|u1'", b"'|u1("))
    with pytest.raises(DataError, match=r"images\.npy is no plain array"):
        read_images(path, image_size=4, channels=1)


def test_array_larger_than_any_memory_is_refused(tmp_path: Path) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": (10**15, 4, 4)}
    with (tmp_path / "images.npy").open("wb") as file:
        write_array_header_1_0(file, header)
    with pytest.raises(DataError, match=r"images\.npy is no plain array \(Unable to allocate"):
        read_images(tmp_path / "images.npy", image_size=4, channels=1)
