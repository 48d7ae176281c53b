"""Damaged ONNX files are compiled, or refused in one line that names them; nothing else happens."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from barsctl.errors import BarsError
from barsctl.onnx_examples import original_examples
from barsctl.onnx_package import take_model
from barsctl.package import PackageSettings
from space.frozen_file import read_frozen
from targets.catalog import named_target
from targets.errors import TargetError
from targets.onnx_export import export_onnx
from targets.onnx_import.given import load_given
from tests.barsctl.mutations import MUTATIONS
from tests.targets.onnx_import.qonnx_models import SIZE, QonnxModel

MUTATIONS_PER_KIND = 120
SETTINGS = PackageSettings((named_target("host"),), "net", images=4)
FROZEN = Path(__file__).parents[1] / "data" / "frozen-1.safetensors"
NUMBERS = (-(2**63), -1, 0, 1, 2, 3, 2**40)


def ours(path: Path) -> Path:
    export_onnx(read_frozen(FROZEN), path, class_names=("a", "b", "c"))
    return path


def foreign(path: Path) -> Path:
    model = QonnxModel()
    stem = model.stem()
    padded = model.apply("Pad", model.sign(stem), model.constant([0, 0, 1, 1] * 2, np.int64))
    added = model.apply("Add", model.binary_conv(padded), stem)
    pool = model.apply("AveragePool", added, kernel_shape=[2, 2], strides=[2, 2])
    return model.save(model.head(pool), path)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images") / "images.npz"
    noise = np.random.default_rng(0).integers(0, 256, (8, SIZE, SIZE), dtype=np.uint8)
    np.savez(path, images=noise, labels=np.arange(8) % 3)
    return path


def damaged(data: bytes, number: int, rng: random.Random) -> bytes:
    """The bytes changed, or a part of the model that they say."""
    if number % 2:
        return MUTATIONS[number // 2 % len(MUTATIONS)](data, data, rng)
    model = onnx.ModelProto.FromString(data)
    nodes = model.graph.node
    node = rng.choice(nodes)
    attributes = [each for each in node.attribute if each.ints]
    match number // 2 % 5:
        case 0:
            node.input[rng.randrange(len(node.input))] = rng.choice(nodes).input[0]
        case 1:
            del nodes[rng.randrange(len(nodes))]
        case 2 if attributes:
            rng.choice(attributes).ints[0] = rng.choice(NUMBERS)
        case 3:
            node.op_type = rng.choice(nodes).op_type
        case _:
            shape = model.graph.input[0].type.tensor_type.shape
            rng.choice(shape.dim).dim_value = rng.choice(NUMBERS)
    changed: bytes = model.SerializeToString()
    return changed


def take(path: Path, images: Path) -> None:
    """What compiling does before it writes anything."""
    given = load_given(path)
    taken = take_model(
        given, SETTINGS, images=None if given.is_ours else images, notify=lambda _: None
    )
    original_examples(given, taken.images, SETTINGS.images)


@pytest.mark.parametrize("write", [ours, foreign])
def test_damaged_model_is_taken_or_refused(
    write: Callable[[Path], Path], images: Path, tmp_path: Path
) -> None:
    path = write(tmp_path / "model.onnx")
    take(path, images)
    data, rng = path.read_bytes(), random.Random(0)
    refusals: list[str] = []
    for number in range(MUTATIONS_PER_KIND):
        path.write_bytes(damaged(data, number, rng))
        try:
            take(path, images)
        except (BarsError, TargetError) as error:
            refusals.append(str(error))
    assert len(refusals) > MUTATIONS_PER_KIND / 4
    assert [each for each in refusals if "\n" in each] == []
    # A model of images that the given ones are not is told by these.
    assert [each for each in refusals if str(path) not in each and str(images) not in each] == []
