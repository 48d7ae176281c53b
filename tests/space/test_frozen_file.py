"""Frozen networks as files: round trips, old files, strict reading."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import safe_open

from space.errors import SpaceError
from space.frozen import FrozenNetwork
from space.frozen_file import read_frozen, write_frozen
from space.frozen_tensors import frozen_tensors
from space.graph import BlockGraph
from space.random_frozen import random_frozen
from tests.example_graphs import EXAMPLE_GRAPHS
from tests.frozen_oracle import oracle_logits, random_images

OLD_FILE = Path(__file__).parent.parent / "data" / "frozen-1.safetensors"


def example(name: str = "reduction") -> FrozenNetwork:
    return random_frozen(EXAMPLE_GRAPHS[name](), np.random.default_rng(0))


Change = dict[str, NDArray[Any] | None]


def metadata_of(path: Path) -> dict[str, str]:
    with safe_open(path, framework="np") as file:
        metadata: dict[str, str] = file.metadata()
    return metadata


def change_tensors(path: Path, change: Change) -> None:
    """Replace arrays of a file; None drops one."""
    arrays: Change = {**safetensors.numpy.load(path.read_bytes()), **change}
    kept = {name: array for name, array in arrays.items() if array is not None}
    path.write_bytes(safetensors.numpy.save(kept, metadata_of(path)))


def change_metadata(path: Path, metadata: dict[str, str]) -> None:
    arrays = safetensors.numpy.load(path.read_bytes())
    path.write_bytes(safetensors.numpy.save(arrays, metadata_of(path) | metadata))


@pytest.mark.parametrize("make", EXAMPLE_GRAPHS.values(), ids=EXAMPLE_GRAPHS)
def test_networks_round_trip(make: Callable[[], BlockGraph], tmp_path: Path) -> None:
    frozen = random_frozen(make(), np.random.default_rng(0))
    write_frozen(frozen, tmp_path / "model.safetensors")
    read = read_frozen(tmp_path / "model.safetensors")
    assert list(read.graph) == list(frozen.graph)
    assert (read.real_exponent, read.logit_scale) == (frozen.real_exponent, frozen.logit_scale)
    images = random_images(frozen.graph, np.random.default_rng(1), count=2)
    np.testing.assert_array_equal(oracle_logits(read, images), oracle_logits(frozen, images))
    written, found = frozen_tensors(frozen), frozen_tensors(read)
    assert set(written) == set(found)
    for name, array in written.items():
        np.testing.assert_array_equal(found[name], array)


def test_files_hold_the_same_bytes_each_time(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    write_frozen(example(), first)
    write_frozen(example(), second)
    assert first.read_bytes() == second.read_bytes()


def test_old_file_still_loads() -> None:
    frozen = example()
    images = random_images(frozen.graph, np.random.default_rng(1), count=2)
    np.testing.assert_array_equal(
        oracle_logits(read_frozen(OLD_FILE), images), oracle_logits(frozen, images)
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_frozen(example(), tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def test_missing_tensors_are_named(path: Path) -> None:
    change_tensors(path, {"stem/multiplier": None})
    with pytest.raises(SpaceError, match="tensor stem/multiplier is missing"):
        read_frozen(path)


def test_unknown_tensors_are_named(path: Path) -> None:
    change_tensors(path, {"stem/color": np.zeros(3, np.int8)})
    with pytest.raises(SpaceError, match="tensor stem/color fits no block"):
        read_frozen(path)


def test_wrong_shapes_are_named(path: Path) -> None:
    change_tensors(path, {"stem/offset": np.zeros(1, np.int32)})
    with pytest.raises(SpaceError, match=r"stem/offset is int32 \(1,\), must be int32"):
        read_frozen(path)


def test_wrong_types_are_named(path: Path) -> None:
    offset = safetensors.numpy.load(path.read_bytes())["stem/offset"]
    change_tensors(path, {"stem/offset": offset.astype(np.int16)})
    with pytest.raises(SpaceError, match="stem/offset is int16"):
        read_frozen(path)


def test_binary_weights_must_be_binary() -> None:
    frozen = example("cell")
    block = frozen.blocks["c0.process"]
    assert block.weights is not None
    zeros = replace(block, weights=block.weights * 0)
    wrong = replace(frozen, blocks=frozen.blocks | {"c0.process": zeros})
    with pytest.raises(SpaceError, match=r"c0.process/weights holds \[0\]; .* -1 or 1"):
        frozen_tensors(wrong)


def test_other_files_are_refused(path: Path) -> None:
    change_metadata(path, {"author": "me"})
    with pytest.raises(SpaceError, match=r"metadata \['author', 'frozen'\] must be 'frozen' alone"):
        read_frozen(path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", 2, "format is 2"),
        ("author", "me", "author is 'me'"),
        ("shifts", {}, "shifts are of .*; must be of all convolutions"),
        ("shifts", {"stem": 3}, "shifts: stem: 3 must be 4 to 31"),
        ("feature_shift", -1, "feature_shift -1 must be 0 to 15"),
        ("feature_shift", 16, "feature_shift 16 must be 0 to 15"),
        ("input_shifts", {"stem": 31}, "input_shifts: stem: 31 must be 0 to 15"),
        ("logit_scale", "1", "logit_scale is '1'"),
        ("logit_scale", 0.0, "logit_scale 0.0 must be above 0"),
    ],
)
def test_scalars_are_read_strictly(path: Path, key: str, value: object, message: str) -> None:
    document = json.loads(metadata_of(path)["frozen"])
    value = document[key] | value if isinstance(value, dict) and value else value
    change_metadata(path, {"frozen": json.dumps(document | {key: value})})
    with pytest.raises(SpaceError, match=message):
        read_frozen(path)


def test_torn_files_are_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SpaceError, match="must be a whole safetensors file"):
        read_frozen(path)
