import pickle
from pathlib import Path

import numpy as np
import pytest

from barsctl.data.cifar import load_cifar
from barsctl.data.collection import Collection, Request
from barsctl.data.source import Pixels
from barsctl.errors import DataError

TRAIN_FILES = [f"data_batch_{number}" for number in range(1, 6)]


def rows(count: int, *, seed: int) -> Pixels:
    return np.random.default_rng(seed).integers(256, size=(count, 3072), dtype=np.uint8)


def write_binary(folder: Path, labels: list[int], *, coarse: bytes = b"") -> None:
    folder.mkdir()
    names = ["train", "test"] if coarse else [*TRAIN_FILES, "test_batch"]
    for seed, name in enumerate(names):
        records = [coarse + bytes([label]) for label in labels]
        pixels = rows(len(labels), seed=seed)
        content = b"".join(r + p.tobytes() for r, p in zip(records, pixels, strict=True))
        (folder / f"{name}.bin").write_bytes(content)
    (folder / ("fine_label_names.txt" if coarse else "batches.meta.txt")).write_text("cat\ndog\n\n")


def write_pickles(folder: Path, labels: list[int], *, fine: bool = False) -> None:
    folder.mkdir()
    names = ["train", "test"] if fine else [*TRAIN_FILES, "test_batch"]
    key = "fine_labels" if fine else "labels"
    for seed, name in enumerate(names):
        content = {"data": rows(len(labels), seed=seed), key: labels}
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    names_key, file = ("fine_label_names", "meta") if fine else ("label_names", "batches.meta")
    (folder / file).write_bytes(pickle.dumps({names_key: ["cat", "dog"]}, protocol=2))


def load(name: str, folder: Path) -> Collection:
    return load_cifar(Request(name, folder, image_size=None))


@pytest.mark.parametrize("form", ["bin", "py"])
def test_both_forms_of_cifar10_agree(form: str, tmp_path: Path) -> None:
    folder = tmp_path / f"cifar-10-batches-{form}"
    (write_binary if form == "bin" else write_pickles)(folder, [0, 1, 1])
    for place in (tmp_path, folder):
        collection = load("cifar10", place)
        assert collection.class_names == ("cat", "dog")
        assert collection.train.labels.tolist() == [0, 1, 1] * 5
        # Image 4 is the second of file 2; its green plane starts after 1024 red pixels.
        image = collection.train.batch(np.array([4]))[0]
        assert np.array_equal(image[:, :, 1].ravel(), rows(3, seed=1)[1, 1024:2048])


@pytest.mark.parametrize("form", ["binary", "python"])
def test_both_forms_of_cifar100_give_fine_labels(form: str, tmp_path: Path) -> None:
    folder = tmp_path / f"cifar-100-{form}"
    if form == "binary":
        write_binary(folder, [1, 0], coarse=b"\x13")
    else:
        write_pickles(folder, [1, 0], fine=True)
    collection = load("cifar100", tmp_path)
    assert collection.train.labels.tolist() == [1, 0]
    assert collection.test is not None
    assert np.array_equal(
        collection.test.batch(np.array([0]))[0, :, :, 0].ravel(), rows(2, seed=1)[0, :1024]
    )


def test_missing_cifar_names_what_is_expected(tmp_path: Path) -> None:
    message = "no cifar10: expected cifar-10-batches-bin/test_batch.bin or cifar-10-batches-py"
    with pytest.raises(DataError, match=message):
        load("cifar10", tmp_path)


def test_truncated_records_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-bin"
    write_binary(folder, [0, 1])
    file = folder / "data_batch_3.bin"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"data_batch_3.bin holds 6145 bytes: .* multiple of 3073"):
        load("cifar10", tmp_path)


def test_missing_batch_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-bin"
    write_binary(folder, [0, 1])
    (folder / "data_batch_3.bin").unlink()
    with pytest.raises(DataError, match=r"data_batch_3.bin cannot be read"):
        load("cifar10", tmp_path)


def test_pickle_with_too_few_labels_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    write_pickles(folder, [0, 1])
    content = {"data": rows(2, seed=0), "labels": [0]}
    (folder / "data_batch_1").write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(DataError, match="2 images, but labels of shape"):
        load("cifar10", tmp_path)


def test_pickle_of_wrong_row_size_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    write_pickles(folder, [0, 1])
    content = {"data": rows(2, seed=0)[:, :-1], "labels": [0, 1]}
    (folder / "data_batch_1").write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(DataError, match=r"shape \(2, 3071\): expected \[count, 3072\]"):
        load("cifar10", tmp_path)
