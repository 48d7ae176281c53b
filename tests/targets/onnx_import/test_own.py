from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from space.errors import SpaceError
from space.frozen_file import write_frozen
from space.random_frozen import random_frozen
from targets.errors import TargetError
from targets.onnx_export import export_onnx
from targets.onnx_import.given import load_given
from targets.onnx_import.own import read_own
from tests.example_graphs import EXAMPLE_GRAPHS


def exported(name: str, folder: Path, *, seed: int = 0) -> Path:
    frozen = random_frozen(EXAMPLE_GRAPHS[name](), np.random.default_rng(seed))
    write_frozen(frozen, folder / "frozen.safetensors")
    export_onnx(frozen, folder / "model.onnx", class_names=None)
    return folder / "model.onnx"


def changed(path: Path, change: Callable[[onnx.ModelProto], None]) -> Path:
    model = onnx.load(path)
    change(model)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", EXAMPLE_GRAPHS)
def test_exported_network_is_read_back(name: str, seed: int, tmp_path: Path) -> None:
    path = exported(name, tmp_path, seed=seed)
    own = read_own(load_given(path))
    write_frozen(own.frozen, tmp_path / "again.safetensors")
    frozen = (tmp_path / "frozen.safetensors").read_bytes()
    assert (tmp_path / "again.safetensors").read_bytes() == frozen
    assert own.class_names is None
    export_onnx(own.frozen, tmp_path / "again.onnx", class_names=None)
    assert (tmp_path / "again.onnx").read_bytes() == path.read_bytes()


def test_class_names_are_read_back(tmp_path: Path) -> None:
    frozen = random_frozen(EXAMPLE_GRAPHS["reduction"](), np.random.default_rng(0))
    export_onnx(frozen, tmp_path / "model.onnx", class_names=("a", "b", "ß"))
    assert read_own(load_given(tmp_path / "model.onnx")).class_names == ("a", "b", "ß")


def halve_a_pad(model: onnx.ModelProto) -> None:
    (pads,) = (each for each in model.graph.initializer if each.name == "c0.node1:pads")
    pads.CopyFrom(numpy_helper.from_array(np.zeros(8, np.int64), pads.name))


def turn_a_shift(model: onnx.ModelProto) -> None:
    (unit,) = (each for each in model.graph.initializer if each.name == "stem:unit")
    unit.CopyFrom(numpy_helper.from_array(np.array(0.03), unit.name))


def rename_a_node(model: onnx.ModelProto) -> None:
    model.graph.node[5].name = "other"


def widen_the_metadata(model: onnx.ModelProto) -> None:
    (graph,) = (each for each in model.metadata_props if each.key == "graph")
    graph.value = graph.value.replace('"stride": 2', '"stride": 1', 1)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (halve_a_pad, "constant 'c0.node1:pads': this is not what its metadata describe"),
        (turn_a_shift, "constant 'stem:unit': this is not what its metadata"),
        (rename_a_node, "node 'other': this is not what"),
        (widen_the_metadata, "metadata and constants do not fit"),
    ],
)
def test_changed_file_is_refused(
    change: Callable[[onnx.ModelProto], None], told: str, tmp_path: Path
) -> None:
    path = changed(exported("cell", tmp_path), change)
    with pytest.raises(TargetError, match=told):
        read_own(load_given(path))


def test_shift_that_no_integer_has_is_refused(tmp_path: Path) -> None:
    frozen = random_frozen(EXAMPLE_GRAPHS["cell"](), np.random.default_rng(0))
    stem = frozen.blocks["stem"]
    assert stem.requantize is not None
    stem = replace(stem, requantize=replace(stem.requantize, shift=40))
    wrong = replace(frozen, blocks={**frozen.blocks, "stem": stem})
    export_onnx(wrong, tmp_path / "model.onnx", class_names=None)
    told = "shifts: stem: 40 must be 4 to 31; freeze again"
    with pytest.raises(TargetError, match=told):
        read_own(load_given(tmp_path / "model.onnx"))
    with pytest.raises(SpaceError, match=told):
        write_frozen(wrong, tmp_path / "frozen.safetensors")


def test_older_format_is_refused(tmp_path: Path) -> None:
    def age(model: onnx.ModelProto) -> None:
        (entry,) = (each for each in model.metadata_props if each.key == "format")
        entry.value = "1"

    path = changed(exported("one-pixel", tmp_path), age)
    with pytest.raises(TargetError, match="format 1 of barsctl's ONNX files, this version reads 2"):
        read_own(load_given(path))
