import gzip
from pathlib import Path

import numpy as np
import pytest

from barsctl.data.collection import Request
from barsctl.data.fashion_mini import EMBEDDED_FILE
from barsctl.data.fashion_mnist import DEBIAN_FOLDER, load_fashion_mnist
from barsctl.data.make_fashion_mini import write_fashion_mini
from barsctl.data.registry import load
from barsctl.errors import DataError


def write_part(folder: Path, *, part: str, count: int, packed: bool) -> None:
    """Write the two IDX files of a part: pixels count up, labels run from 0 to 9."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = bytes(number % 251 for number in range(count * 28 * 28))
    labels = bytes(number % 10 for number in range(count))
    for kind, content in (
        ("images-idx3", b"\0\0\x08\x03" + _lengths(count, 28, 28) + pixels),
        ("labels-idx1", b"\0\0\x08\x01" + _lengths(count) + labels),
    ):
        name = f"{part}-{kind}-ubyte"
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)


def _lengths(*lengths: int) -> bytes:
    return b"".join(length.to_bytes(4, "big") for length in lengths)


@pytest.mark.parametrize("packed", [False, True])
def test_both_parts_are_read(packed: bool, tmp_path: Path) -> None:
    write_part(tmp_path, part="train", count=30, packed=packed)
    write_part(tmp_path, part="t10k", count=20, packed=packed)
    collection = load_fashion_mnist(Request("fashion-mnist", tmp_path, image_size=None))
    assert collection.test is not None
    assert (len(collection.train), len(collection.test)) == (30, 20)
    second = collection.train.batch(np.array([1]))
    assert second.shape == (1, 28, 28, 1)
    assert second[0, 0, :3, 0].tolist() == [784 % 251, 785 % 251, 786 % 251]
    assert collection.train.labels[:12].tolist() == [*range(10), 0, 1]


def test_cache_folder_comes_before_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "barsctl" / "fashion-mnist"
    write_part(folder, part="train", count=40, packed=True)
    write_part(folder, part="t10k", count=20, packed=True)
    dataset = load("fashion-mnist", seed=0)
    assert len(dataset.train) + len(dataset.validation) == 40


def test_missing_file_is_named(tmp_path: Path) -> None:
    write_part(tmp_path, part="train", count=30, packed=False)
    with pytest.raises(DataError, match="neither t10k-images-idx3-ubyte nor t10k-images-idx3-ub"):
        load_fashion_mnist(Request("fashion-mnist", tmp_path, image_size=None))


def test_embedded_subset_is_balanced() -> None:
    dataset = load("fashion-mini", seed=0)
    assert np.bincount(dataset.train.labels).tolist() == [675] * 10
    assert np.bincount(dataset.validation.labels).tolist() == [75] * 10
    assert np.bincount(dataset.test.labels).tolist() == [200] * 10
    assert (dataset.image_size, dataset.channels) == (28, 1)
    assert dataset.class_names[9] == "Ankle boot"


def test_embedded_subset_takes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="leave the folder out or choose fashion-mnist"):
        load("fashion-mini", seed=0, data_dir=tmp_path)


@pytest.mark.skipif(not DEBIAN_FOLDER.is_dir(), reason="Debian's dataset-fashion-mnist is absent")
def test_embedded_subset_can_be_made_again(tmp_path: Path) -> None:
    write_fashion_mini(DEBIAN_FOLDER, tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == EMBEDDED_FILE.read_bytes()
