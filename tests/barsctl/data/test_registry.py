from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from barsctl.data.names import DataName
from barsctl.data.registry import READERS, load
from barsctl.errors import DataError


def test_every_name_has_a_reader() -> None:
    assert tuple(READERS) == get_args(DataName)


def test_size_is_for_photographs_only() -> None:
    with pytest.raises(DataError, match="image size 32 for fashion-mini: only folders"):
        load("fashion-mini", seed=0, image_size=32)


@pytest.mark.parametrize("size", [0, -8])
def test_images_have_at_least_one_pixel(size: int, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"image size {size}: images have at least 1 pixel"):
        load("folder", seed=0, data_dir=tmp_path, image_size=size)


@pytest.mark.parametrize("name", sorted(set(READERS) - {"fashion-mini"}))
def test_empty_folder_is_refused_by_every_reader(name: DataName, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=str(tmp_path)):
        load(name, seed=0, data_dir=tmp_path)


@pytest.mark.parametrize("name", ["imagenet", "folder", "npz"])
def test_own_data_need_a_place(name: DataName) -> None:
    with pytest.raises(DataError, match=f"{name} needs a f.*--data-dir"):
        load(name, seed=0)


def test_folder_is_loaded_split_and_measured(tmp_path: Path) -> None:
    for name, colour in (("dark", (0, 0, 0)), ("light", (100, 100, 100))):
        (tmp_path / name).mkdir()
        for number in range(10):
            Image.new("RGB", (24, 16), colour).save(tmp_path / name / f"{number}.png")
    dataset = load("folder", seed=0, data_dir=tmp_path, image_size=8, validation_share=0.25)
    # Of 10 images a class, 2 are for tests; of the other 8, 2 for validation.
    parts = (dataset.train, dataset.validation, dataset.test)
    assert [len(part) for part in parts] == [12, 4, 4]
    assert dataset.mean == (50.0, 50.0, 50.0)
    assert dataset.std == (50.0, 50.0, 50.0)
    assert dataset.test.batch(np.array([0])).shape == (1, 8, 8, 3)
