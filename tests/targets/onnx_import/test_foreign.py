from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto

from space.blocks import BinaryConv, Conv, MaxPool, Sum
from space.nn.from_floats import network_of_floats
from targets.errors import TargetError
from targets.onnx_blocks import QONNX_DOMAIN
from targets.onnx_import.foreign import ForeignModel, read_foreign
from targets.onnx_import.given import load_given
from targets.onnx_import.original import original_logits
from tests.targets.onnx_import.qonnx_models import CHANNELS, QonnxModel

Body = Callable[[QonnxModel], str]


def read(body: Body, folder: Path) -> ForeignModel:
    """What is read of a model with this body between its image and its classifier."""
    model = QonnxModel()
    path = model.save(model.head(body(model)), folder / "model.onnx")
    return read_foreign(load_given(path))


def zero_border(model: QonnxModel) -> str:
    return model.binary_conv(model.sign(model.stem()), pads=[1] * 4)


def plus_border(model: QonnxModel) -> str:
    signs = model.sign(model.stem(), 2.0)
    pads = model.constant([0, 0, 1, 1] * 2, np.int64)
    return model.binary_conv(model.apply("Pad", signs, pads, model.constant(2.0)))


def padded_before_sign(model: QonnxModel) -> str:
    # sign(0) = +1.
    pads = model.constant([0, 0, 1, 1] * 2, np.int64)
    return model.binary_conv(model.sign(model.apply("Pad", model.stem(), pads)))


def norms_and_shortcuts(model: QonnxModel) -> str:
    stem = model.apply("Relu", model.normed(model.stem()))
    conv = model.normed(model.binary_conv(model.sign(model.normed(stem)), kernel_size=1))
    slopes = model.constant(model.weights(CHANNELS, 1, 1))
    return model.apply("Add", model.apply("PRelu", conv, slopes), stem)


def sum_of_its_own(model: QonnxModel) -> str:
    stem = model.stem()
    conv = model.binary_conv(model.sign(stem), kernel_size=1)
    added = model.apply("Add", stem, conv)
    return model.apply("Add", added, model.binary_conv(model.sign(conv), kernel_size=1))


def pools(model: QonnxModel) -> str:
    stem = model.apply("MaxPool", model.stem(), kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    conv = model.binary_conv(model.sign(stem), kernel_size=1)
    return model.apply("AveragePool", conv, kernel_shape=[2, 2], strides=[2, 2])


def image_normalised_after_padding(model: QonnxModel) -> str:
    pads = model.constant([0, 0, 1, 1] * 2, np.int64)
    padded = model.apply("Pad", "images", pads)
    centred = model.apply("Sub", padded, model.constant([[[0.4]]]))
    scaled = model.apply("Div", centred, model.constant(0.2))
    return model.apply("Conv", scaled, model.constant(model.int8_weights(CHANNELS, 1, 3, 3)))


def named_as_ours(model: QonnxModel) -> str:
    """Tensors and nodes with names that our own steps and modules have."""
    model.stem()
    model.nodes[-1].name, model.nodes[-1].output[0] = "type", "y"
    model.binary_conv(model.sign("y"), kernel_size=1)
    model.nodes[-1].name, model.nodes[-1].output[0] = "items", "is_negative"
    return model.apply("Add", model.binary_conv(model.sign("is_negative"), kernel_size=1), "y")


def passed_on(model: QonnxModel) -> str:
    stem = model.apply("Identity", model.stem())
    return model.binary_conv(model.sign(model.apply("Relu", stem)), kernel_size=1)


def padded_by_nothing(model: QonnxModel) -> str:
    """A convolution's own pads stay."""
    padded = model.apply("Pad", "images", model.constant([0] * 8, np.int64))
    weights = model.constant(model.int8_weights(CHANNELS, 1, 3, 3))
    return model.apply("Conv", padded, weights, pads=[1] * 4)


TAKEN: tuple[Body, ...] = (
    zero_border, plus_border, padded_before_sign, norms_and_shortcuts, sum_of_its_own, pools,
    image_normalised_after_padding, named_as_ours, passed_on, padded_by_nothing,
)  # fmt: skip


@pytest.mark.parametrize("body", TAKEN)
def test_taken_model_computes_what_onnxruntime_does(body: Body, tmp_path: Path) -> None:
    foreign = read(body, tmp_path)
    images = np.random.default_rng(5).integers(0, 256, (20, 8, 8, 1), dtype=np.uint8)
    expected = original_logits(load_given(tmp_path / "model.onnx"), images)
    network = network_of_floats(foreign.floats)
    with torch.no_grad():
        found = network(torch.from_numpy(images).permute(0, 3, 1, 2)).numpy()
    assert np.allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_zero_border_is_exact_with_twice_the_channels(tmp_path: Path) -> None:
    foreign = read(zero_border, tmp_path)
    _, conv, _ = foreign.floats.graph.blocks
    assert isinstance(conv, BinaryConv)
    assert conv.in_channels == (CHANNELS, CHANNELS)
    (note,) = foreign.notes
    assert "pads signs with 0, which is no sign: it is computed exactly" in note


@pytest.mark.parametrize("body", [plus_border, padded_before_sign])
def test_border_of_plus_one_costs_nothing(body: Body, tmp_path: Path) -> None:
    foreign = read(body, tmp_path)
    _, conv, _ = foreign.floats.graph.blocks
    assert isinstance(conv, BinaryConv)
    assert conv.in_channels == (CHANNELS,)
    assert foreign.notes == ()


def test_shortcut_joins_the_later_block(tmp_path: Path) -> None:
    graph = read(norms_and_shortcuts, tmp_path).floats.graph
    stem, conv, _ = graph.blocks
    assert isinstance(stem, Conv)
    assert isinstance(conv, BinaryConv)
    assert (stem.epilogue.activation, conv.epilogue.activation) == ("relu", "prelu")
    assert conv.epilogue.shortcuts == 1


def test_sum_that_no_block_can_host_is_a_block(tmp_path: Path) -> None:
    blocks = read(sum_of_its_own, tmp_path).floats.graph.blocks
    assert sum(isinstance(block, Sum) for block in blocks) == 1


def test_max_pool_joins_its_convolution(tmp_path: Path) -> None:
    stem = read(pools, tmp_path).floats.graph.blocks[0]
    assert isinstance(stem, Conv)
    assert stem.max_pool == MaxPool(3, 2)


def test_flattened_pixels_are_refused(tmp_path: Path) -> None:
    model = QonnxModel()
    flat = model.apply("Flatten", model.stem())
    weights = model.constant(model.weights(256, 3))
    path = model.save(model.apply("MatMul", flat, weights), tmp_path / "model.onnx")
    with pytest.raises(TargetError, match=r"\(Flatten\): it flattens 8x8 pixels; .* Global"):
        read_foreign(load_given(path))


def test_model_without_logits_is_refused(tmp_path: Path) -> None:
    model = QonnxModel()
    path = model.save(model.stem(), tmp_path / "model.onnx")
    with pytest.raises(TargetError, match=r"is no dense layer; end the model in its logits"):
        read_foreign(load_given(path))


@pytest.mark.parametrize("shape", [("N", 1, "H", "W"), (1, 8)])
def test_dynamic_or_flat_input_is_refused(shape: tuple[int | str, ...], tmp_path: Path) -> None:
    model = QonnxModel()
    data = model.model(model.head(model.stem()), shape=shape).SerializeToString()
    (tmp_path / "model.onnx").write_bytes(data)
    with pytest.raises(TargetError, match=r"is dynamic or no image; export the model with one"):
        read_foreign(load_given(tmp_path / "model.onnx"))


@pytest.mark.parametrize(
    ("opsets", "told"),
    [
        ({"": 9}, "opset 9; must be 11 to"),
        ({"": 99}, "opset 99; must be 11 to"),
        ({"": 17, QONNX_DOMAIN: 7}, "version 7 of qonnx.custom_op.general; must be 1 or 2"),
    ],
)
def test_unknown_opset_is_refused(opsets: dict[str, int], told: str, tmp_path: Path) -> None:
    model = QonnxModel()
    data = model.model(model.head(model.stem()), opsets=opsets).SerializeToString()
    (tmp_path / "model.onnx").write_bytes(data)
    with pytest.raises(TargetError, match=told):
        load_given(tmp_path / "model.onnx")


@pytest.mark.parametrize("data", [b"", b"not a model", bytes(range(256))])
def test_file_of_something_else_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(data)
    with pytest.raises(TargetError, match=r"this is no (whole ONNX file|ONNX model)"):
        load_given(tmp_path / "model.onnx")


def test_cut_file_is_refused(tmp_path: Path) -> None:
    model = QonnxModel()
    path = model.save(model.head(model.stem()), tmp_path / "model.onnx")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(TargetError, match=r"model\.onnx: this is no"):
        load_given(path)


def test_external_data_are_refused(tmp_path: Path) -> None:
    model = QonnxModel()
    found = model.model(model.head(model.stem()))
    tensor = found.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    (tmp_path / "model.onnx").write_bytes(found.SerializeToString())
    with pytest.raises(TargetError, match="the data of 'constant0' lie in another file; save"):
        load_given(tmp_path / "model.onnx")


def test_rounding_behind_a_relu_is_passed_over(tmp_path: Path) -> None:
    foreign = read(lambda model: model.unsigned(model.apply("Relu", model.stem())), tmp_path)
    (note,) = foreign.notes
    assert "its 8 bits, and where it clips, are not reproduced" in note


def test_answers_of_one_axis_are_refused(tmp_path: Path) -> None:
    """As of a model whose Squeeze takes the axis of its single image too."""
    model = QonnxModel()
    model.save(model.apply("Squeeze", model.head(model.stem())), tmp_path / "model.onnx")
    with pytest.raises(TargetError, match=r"it answers \[\d\] for 1 images; logits of \[images"):
        original_logits(load_given(tmp_path / "model.onnx"), np.zeros((2, 8, 8, 1), np.uint8))


def test_constant_nodes_fold(tmp_path: Path) -> None:
    def body(model: QonnxModel) -> str:
        pads = model.apply("Concat", *[model.constant([0, 0, 1, 1], np.int64)] * 2, axis=0)
        signs = model.sign(model.stem())
        return model.binary_conv(model.apply("Pad", signs, pads, model.constant(1.0)))

    assert read(body, tmp_path).notes == ()
    assert onnx.load(tmp_path / "model.onnx").graph.node[0].op_type == "Concat"
