from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from barsctl.data.collection import Collection, Request
from barsctl.data.folders import decode, load_folders
from barsctl.errors import DataError

RED, BLUE = (255, 0, 0), (0, 0, 255)


def paint(path: Path, colour: tuple[int, int, int], *, width: int = 20, height: int = 20) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), colour).save(path)


def load(root: Path) -> Collection:
    return load_folders(Request("folder", root, image_size=8))


def test_folders_become_classes_in_sorted_order(tmp_path: Path) -> None:
    for part in ("train", "val"):
        paint(tmp_path / part / "wolf" / "1.png", BLUE)
        paint(tmp_path / part / "bear" / "1.png", RED)
    paint(tmp_path / "train" / "bear" / "2.PNG", RED)
    (tmp_path / "train" / "bear" / "notes.txt").write_text("no image")
    collection = load(tmp_path)
    assert collection.class_names == ("bear", "wolf")
    assert collection.train.labels.tolist() == [0, 0, 1]
    assert collection.test is not None
    assert collection.test.labels.tolist() == [0, 1]
    batch = collection.train.batch(np.array([2, 0]))
    assert batch.shape == (2, 8, 8, 3)
    assert (batch[0] == BLUE).all()
    assert (batch[1] == RED).all()


def test_class_folders_alone_leave_tests_to_the_split(tmp_path: Path) -> None:
    paint(tmp_path / "a" / "1.png", RED)
    paint(tmp_path / "b" / "1.png", BLUE)
    collection = load(tmp_path)
    assert (len(collection.train), collection.test) == (2, None)
    subset = collection.train.subset(np.array([1]))
    assert (subset.batch(np.array([0])) == BLUE).all()
    assert subset.batch(np.array([], dtype=np.int64)).shape == (0, 8, 8, 3)


def test_decode_takes_the_centre_square(tmp_path: Path) -> None:
    # 30 wide, 10 high: the centre square is the middle third.
    stripes = np.zeros((10, 30, 3), dtype=np.uint8)
    stripes[:, :10], stripes[:, 10:20], stripes[:, 20:] = RED, (9, 8, 7), BLUE
    Image.fromarray(stripes).save(tmp_path / "stripes.png")
    assert (decode(tmp_path / "stripes.png", image_size=5) == (9, 8, 7)).all()


def test_decode_turns_the_photograph_upright(tmp_path: Path) -> None:
    # EXIF orientation 3: the camera was held upside down.
    pixels = np.zeros((8, 8, 3), dtype=np.uint8)
    pixels[:4] = RED
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(pixels).save(tmp_path / "photo.png", exif=exif)
    upright = decode(tmp_path / "photo.png", image_size=8)
    assert np.array_equal(upright, pixels[::-1, ::-1])


@pytest.mark.parametrize("mode", ["L", "CMYK", "1"])
def test_decode_gives_rgb_for_other_modes(mode: str, tmp_path: Path) -> None:
    suffix = "jpg" if mode == "CMYK" else "png"
    Image.new(mode, (16, 16)).save(tmp_path / f"image.{suffix}")
    assert decode(tmp_path / f"image.{suffix}", image_size=8).shape == (8, 8, 3)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
@pytest.mark.parametrize("kept", [0, 10, 200])
def test_truncated_image_is_refused(suffix: str, kept: int, tmp_path: Path) -> None:
    path = tmp_path / f"image.{suffix}"
    noise = np.random.default_rng(0).integers(256, size=(32, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match=rf"image.{suffix} is no readable image .* replace it"):
        decode(path, image_size=8)


def test_image_of_16_bits_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), 1000, dtype=np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(DataError, match="mode I;16; save it with 8 bits each"):
        decode(tmp_path / "deep.png", image_size=8)


def test_folder_without_classes_is_refused(tmp_path: Path) -> None:
    paint(tmp_path / "1.png", RED)
    with pytest.raises(DataError, match="holds 0 folders: expected one per class"):
        load(tmp_path)


def test_class_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    for name in ("train/a", "train/caf\udce9"):
        paint(tmp_path / name / "1.png", RED)
    with pytest.raises(DataError, match=r"has a name that is no UTF-8, .*; rename it"):
        load(tmp_path)


def test_unknown_class_in_tests_is_refused(tmp_path: Path) -> None:
    for name in ("train/a", "train/b", "test/a", "test/c"):
        paint(tmp_path / name / "1.png", RED)
    with pytest.raises(DataError, match="class folder 'c', which no training image has"):
        load(tmp_path)


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        load(tmp_path / "none")
