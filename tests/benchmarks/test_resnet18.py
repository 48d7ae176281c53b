"""ResNet-18 as a contestant: the network that everybody counts, in float32 and in int8."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from harness.int8_onnx import random_images, write_int8_onnx
from harness.onnx_latency import run_times_ms
from harness.resnet18 import resnet18

from space.counts import total_counts
from space.references import xnor_resnet18


def model_of(size: int, classes: int) -> onnx.ModelProto:
    return resnet18(size, classes, np.random.default_rng(0))


def weights(model: onnx.ModelProto) -> int:
    return sum(math.prod(each.dims) for each in model.graph.initializer)


def macs(model: onnx.ModelProto) -> int:
    """Multiply-accumulates of convolutions and dense layers, without biases, sums and pools."""
    inferred = onnx.shape_inference.infer_shapes(model).graph
    shapes = {each.name: list(each.dims) for each in model.graph.initializer}
    for value in (*inferred.value_info, *inferred.output):
        shapes[value.name] = [each.dim_value for each in value.type.tensor_type.shape.dim]
    return sum(
        math.prod(shapes[node.input[1]]) * math.prod(shapes[node.output[0]][2:])
        for node in inferred.node
        if node.op_type in ("Conv", "Gemm")
    )


def test_counts_are_those_of_the_literature() -> None:
    model = model_of(224, 1000)
    # 1.814 GMAC. 11 689 512 weights with batch norms; folded, 4 800 gammas and betas become biases.
    assert macs(model) == 1_814_073_344
    assert weights(model) == 11_689_512 - 4_800


@pytest.mark.parametrize(("size", "classes"), [(32, 10), (224, 1000)])
def test_macs_are_those_of_its_binary_form(size: int, classes: int) -> None:
    counted = total_counts(xnor_resnet18(3, size, classes).blocks)
    assert macs(model_of(size, classes)) == counted.binary_macs + counted.float_macs


def test_logits_are_finite_and_one_per_class() -> None:
    session = onnxruntime.InferenceSession(model_of(32, 7).SerializeToString())
    (logits,) = session.run(None, {"image": np.ones((1, 3, 32, 32), np.float32)})
    assert logits.shape == (1, 7)
    assert np.isfinite(logits).all()


def test_int8_leaves_no_convolution_in_float(tmp_path: Path) -> None:
    model = model_of(32, 10)
    images = random_images(model, np.random.default_rng(1))
    write_int8_onnx(model, tmp_path / "int8.onnx", images)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(tmp_path / "int8.onnx"), options)
    operators = Counter(node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node)
    assert (operators["QLinearConv"], operators["Conv"], operators["Transpose"]) == (20, 0, 2)


def test_every_run_is_timed(tmp_path: Path) -> None:
    onnx.save(model_of(16, 10), tmp_path / "model.onnx")
    times_ms = run_times_ms(tmp_path / "model.onnx", threads=1, runs=3)
    assert len(times_ms) == 3
    assert min(times_ms) > 0
