from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from space.blocks import Classifier, Conv, Epilogue
from space.frozen import FrozenBlock, FrozenClassifier, FrozenNetwork, Requantize, Threshold
from space.graph import IMAGE_VALUE, BlockGraph, Inputs, Value
from space.graph_json import graph_from_json
from space.random_frozen import random_frozen
from targets.errors import TargetError
from targets.onnx_blocks import QONNX_DOMAIN, exact_parts
from targets.onnx_export import export_onnx
from targets.onnx_part import tensor_name
from targets.onnx_run import onnx_logits, onnx_values
from tests.example_graphs import EXAMPLE_GRAPHS
from tests.frozen_oracle import oracle_logits, oracle_values, random_images


def random_example(name: str, *, seed: int) -> FrozenNetwork:
    return random_frozen(EXAMPLE_GRAPHS[name](), np.random.default_rng(seed))


def stem_only(
    weights: NDArray[np.int8], *, image_size: int, multiplier: int, offset: int, shift: int
) -> FrozenNetwork:
    """A network of one convolution with a sign at 5, flipped in odd channels."""
    channels, image_channels, kernel_size, _ = weights.shape
    graph = BlockGraph(image_channels, image_size, classes=1)
    epilogue = Epilogue(inner_signs=1)
    stem = Conv(image_channels, channels, kernel_size, 1, image_size, True, epilogue)
    graph.add("stem", stem, Inputs((IMAGE_VALUE,)))
    classifier = Classifier((channels,), 1, image_size)
    graph.add("classifier", classifier, Inputs((Value("stem", "inner"),)))
    multipliers, offsets = (np.full(channels, number, np.int32) for number in (multiplier, offset))
    requantize = Requantize(multipliers, offsets, None, None, shift)
    threshold = Threshold(np.full(channels, 5, np.int16), np.arange(channels) % 2 == 1)
    dense = FrozenClassifier(np.ones((1, channels), np.int8), np.zeros(1, np.int32), 0)
    blocks = {
        "stem": FrozenBlock(weights, requantize, inner_signs=(threshold,)),
        "classifier": FrozenBlock(classifier=dense),
    }
    return FrozenNetwork(graph, blocks, real_exponent=0, logit_scale=1.0)


def stem_values(
    frozen: FrozenNetwork, images: NDArray[np.uint8], port: str, *, folder: Path
) -> NDArray[np.int32]:
    export_onnx(frozen, folder / "model.onnx", class_names=None)
    return onnx_values(folder / "model.onnx", images, [f"stem:{port}"])[f"stem:{port}"]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", EXAMPLE_GRAPHS)
def test_every_value_equals_the_formulas(name: str, seed: int, tmp_path: Path) -> None:
    frozen = random_example(name, seed=seed)
    images = random_images(frozen.graph, np.random.default_rng(seed + 100), count=5)
    export_onnx(frozen, tmp_path / "model.onnx", class_names=None)
    expected = oracle_values(frozen, images)
    found = onnx_values(tmp_path / "model.onnx", images, [tensor_name(v) for v in expected])
    different = [v for v in expected if not np.array_equal(found[tensor_name(v)], expected[v])]
    assert different == []


def test_logits_join_uneven_batches(tmp_path: Path) -> None:
    frozen = random_example("one-pixel", seed=0)
    images = random_images(frozen.graph, np.random.default_rng(1), count=65)
    export_onnx(frozen, tmp_path / "model.onnx", class_names=None)
    logits = onnx_logits(tmp_path / "model.onnx", images)
    assert logits.dtype == np.int32
    assert np.array_equal(logits, oracle_logits(frozen, images))


def test_sign_at_threshold_is_plus_unless_flipped(tmp_path: Path) -> None:
    # Both channels hold the pixel; the thresholds are 5, the second is flipped.
    weights = np.ones((2, 1, 1, 1), np.int8)
    frozen = stem_only(weights, image_size=1, multiplier=16, offset=0, shift=4)
    images = np.array([4, 5, 6], np.uint8).reshape(3, 1, 1, 1)
    signs = stem_values(frozen, images, "inner_sign0", folder=tmp_path)
    assert signs.reshape(3, 2).tolist() == [[-1, 1], [1, -1], [1, -1]]


def test_scaled_sums_beyond_float32_round_down(tmp_path: Path) -> None:
    # (255 * 2**20 - 1) >> 16 is one below 255 * 16; float32 would not hold the -1.
    weights = np.ones((1, 1, 1, 1), np.int8)
    frozen = stem_only(weights, image_size=1, multiplier=2**20, offset=-1, shift=16)
    images = np.full((1, 1, 1, 1), 255, np.uint8)
    assert stem_values(frozen, images, "inner", folder=tmp_path).item() == 4079


def test_convolution_sums_beyond_float32_stay_exact(tmp_path: Path) -> None:
    # 11 * 11 * 7 terms of 255 * 127: the sum in the middle is 27 430 095 > 2**24, and odd.
    weights = np.full((1, 7, 11, 11), 127, np.int8)
    frozen = stem_only(weights, image_size=11, multiplier=16, offset=-16 * 27_430_000, shift=4)
    images = np.full((1, 11, 11, 7), 255, np.uint8)
    inner = stem_values(frozen, images, "inner", folder=tmp_path)
    assert inner[0, 5, 5, 0] == 95
    assert np.array_equal(inner, oracle_values(frozen, images)[Value("stem", "inner")])


def test_exact_parts_add_up_and_stay_below_limit() -> None:
    weights = np.random.default_rng(0).integers(-128, 128, (3, 40, 9, 9), dtype=np.int8)
    parts = exact_parts(weights, 255)
    assert len(parts) > 1
    assert np.array_equal(np.sum(parts, axis=0), weights)
    assert all(np.abs(p.astype(np.int64)).sum(axis=(1, 2, 3)).max() * 255 < 2**24 for p in parts)


def test_small_convolution_is_one_part() -> None:
    weights = np.full((8, 3, 3, 3), -128, np.int8)
    (part,) = exact_parts(weights, 255)
    assert np.array_equal(part, weights)


def test_binary_convolutions_read_bipolar_quants_only(tmp_path: Path) -> None:
    export_onnx(random_example("cell", seed=0), tmp_path / "model.onnx", class_names=None)
    nodes = onnx.load(tmp_path / "model.onnx").graph.node
    writer = {node.output[0]: node for node in nodes}

    def is_bipolar(tensor: str) -> bool:
        node = writer[tensor]
        if node.op_type == "Concat":
            return all(is_bipolar(source) for source in node.input)
        if node.op_type == "Pad":
            return is_bipolar(node.input[0])
        return (node.op_type, node.domain) == ("BipolarQuant", QONNX_DOMAIN)

    convs = [node for node in nodes if node.op_type == "Conv" and node.name != "stem:total0"]
    assert len(convs) == 3
    assert all(is_bipolar(tensor) for conv in convs for tensor in conv.input)


def test_equal_networks_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("first.onnx", "second.onnx"):
        export_onnx(random_example("cell", seed=3), tmp_path / name, class_names=None)
    assert (tmp_path / "first.onnx").read_bytes() == (tmp_path / "second.onnx").read_bytes()
    assert {file.name for file in tmp_path.iterdir()} == {"first.onnx", "second.onnx"}


def test_metadata_names_scale_and_classes(tmp_path: Path) -> None:
    export_onnx(
        random_example("reduction", seed=0), tmp_path / "model.onnx", class_names=("a", "b", "ß")
    )
    model = onnx.load(tmp_path / "model.onnx")
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata.pop("barsctl_version") == model.producer_version
    assert graph_from_json(metadata.pop("graph")).classes == 3
    assert metadata == {
        "format": "2",
        "logit_scale": "0.000244140625",
        "real_exponent": "8",
        "class_names": '["a", "b", "ß"]',
    }


def test_wrong_number_of_class_names_is_refused(tmp_path: Path) -> None:
    frozen = random_example("reduction", seed=0)
    with pytest.raises(TargetError, match="2 class names for 3 classes; give one per class"):
        export_onnx(frozen, tmp_path / "model.onnx", class_names=("a", "b"))


def test_unknown_tensor_is_refused_by_name(tmp_path: Path) -> None:
    frozen = random_example("one-pixel", seed=0)
    export_onnx(frozen, tmp_path / "model.onnx", class_names=None)
    images = random_images(frozen.graph, np.random.default_rng(0), count=1)
    with pytest.raises(TargetError, match="no tensor 'stem:outer'"):
        onnx_values(tmp_path / "model.onnx", images, ["stem:outer"])
