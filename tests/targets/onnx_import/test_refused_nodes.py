"""Nodes of foreign models that no block computes: named, with the reason and what to do."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from targets.errors import TargetError
from targets.onnx_blocks import QONNX_DOMAIN
from targets.onnx_import.foreign import read_foreign
from targets.onnx_import.given import load_given
from tests.targets.onnx_import.qonnx_models import CHANNELS, QonnxModel

Body = Callable[[QonnxModel], str]


def bare_border(model: QonnxModel) -> str:
    return model.binary_conv(model.sign(model.stem()))


def minus_border(model: QonnxModel) -> str:
    pads = model.constant([0, 0, 1, 1] * 2, np.int64)
    padded = model.apply("Pad", model.sign(model.stem()), pads, model.constant(-1.0))
    return model.binary_conv(padded)


def real_weights(model: QonnxModel) -> str:
    weights = model.constant(model.weights(CHANNELS, CHANNELS, 1, 1))
    return model.apply("Conv", model.sign(model.stem()), weights)


def normalised_before_padding(model: QonnxModel) -> str:
    centred = model.apply("Sub", "images", model.constant(0.4))
    weights = model.constant(model.weights(CHANNELS, 1, 3, 3))
    return model.apply("Conv", centred, weights, pads=[1] * 4)


def signs_of_the_image(model: QonnxModel) -> str:
    return model.sign("images")


def channel_scales(model: QonnxModel) -> str:
    return model.binary_conv(model.sign(model.stem(), [[[1.0]], [[2.0]]]), kernel_size=1)


def even_max_pool(model: QonnxModel) -> str:
    return model.apply("MaxPool", model.stem(), kernel_shape=[2, 2], strides=[2, 2])


def overlapping_average(model: QonnxModel) -> str:
    return model.apply("AveragePool", model.stem(), kernel_shape=[3, 3], strides=[2, 2])


def late_relu(model: QonnxModel) -> str:
    stem = model.stem()
    conv = model.binary_conv(model.sign(stem), kernel_size=1)
    return model.apply("Relu", model.apply("Add", conv, stem))


def normed_shortcut(model: QonnxModel) -> str:
    stem = model.stem()
    conv = model.binary_conv(model.sign(stem), kernel_size=1)
    return model.apply("Add", conv, model.normed(stem))


def two_bits(model: QonnxModel) -> str:
    numbers = [model.constant(each) for each in (0.1, 0.0, 2.0)]
    return model.apply("Quant", model.stem(), *numbers, domain=QONNX_DOMAIN)


def groups(model: QonnxModel) -> str:
    weights = model.constant(model.weights(CHANNELS, 1, 3, 3))
    return model.apply("Conv", model.stem(), weights, pads=[1] * 4, group=CHANNELS)


def sigmoid(model: QonnxModel) -> str:
    return model.apply("Sigmoid", model.stem())


def other_domain(model: QonnxModel) -> str:
    return model.apply("Sign", model.stem(), domain="finn.custom_op.general")


def product(model: QonnxModel) -> str:
    stem = model.stem()
    return model.apply("Mul", stem, stem)


def crooked_constant(model: QonnxModel) -> str:
    return model.apply("Mul", model.stem(), model.constant(np.ones(8)))


def read_before_it_is_passed_on(model: QonnxModel) -> str:
    stem = model.stem()
    relu = model.apply("Relu", model.apply("Identity", stem))
    return model.apply("Add", model.binary_conv(model.sign(stem), kernel_size=1), relu)


def read_before_it_is_scaled_by_1(model: QonnxModel) -> str:
    stem = model.stem()
    relu = model.apply("Relu", model.apply("Mul", stem, model.constant(1.0)))
    return model.apply("Add", model.binary_conv(model.sign(stem), kernel_size=1), relu)


def unsigned_without_relu(model: QonnxModel) -> str:
    return model.unsigned(model.stem())


def unsigned_behind_a_norm(model: QonnxModel) -> str:
    return model.unsigned(model.normed(model.apply("Relu", model.stem())))


def unsigned_sum(model: QonnxModel) -> str:
    stem = model.stem()
    conv = model.apply("Relu", model.binary_conv(model.sign(stem), kernel_size=1))
    return model.unsigned(model.apply("Add", conv, stem))


def unsigned_centred_image(model: QonnxModel) -> str:
    centred = model.unsigned(model.apply("Sub", "images", model.constant(0.4)))
    return model.apply("Conv", centred, model.constant(model.weights(CHANNELS, 1, 1, 1)))


def stride_of_0(model: QonnxModel) -> str:
    return model.stem(strides=[0, 0])


def pool_stride_of_0(model: QonnxModel) -> str:
    return model.apply("AveragePool", model.stem(), kernel_shape=[2, 2], strides=[0, 0])


def further_output(model: QonnxModel) -> str:
    model.apply("MaxPool", model.stem(), kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    model.nodes[-1].output.append("indices")
    return model.apply("Identity", "indices")


def much_of_little(model: QonnxModel) -> str:
    column, row = model.constant(np.ones((5000, 1))), model.constant(np.ones((1, 5000)))
    return model.apply("Add", model.stem(), model.apply("Mul", column, row))


def doubled_again_and_again(model: QonnxModel) -> str:
    constant = model.constant(np.ones(1 << 12))
    for _ in range(40):
        constant = model.apply("Concat", constant, constant, axis=0)
    return model.apply("Add", model.stem(), constant)


def signed_bits(model: QonnxModel) -> str:
    words = (model.constant(0.5), model.constant(0.0), model.constant(1.0))
    weights = model.constant(model.weights(CHANNELS, 1, 3, 3))
    weights = model.apply("Quant", weights, *words, domain=QONNX_DOMAIN, signed=1)
    return model.apply("Conv", "images", weights, pads=[1] * 4)


def valid_with_pads(model: QonnxModel) -> str:
    return model.apply(
        "MaxPool", model.stem(), auto_pad="VALID", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4
    )


def squeezed(model: QonnxModel) -> str:
    return model.apply("Squeeze", model.apply("GlobalAveragePool", model.stem()))


REFUSED: dict[Body, str] = {
    signed_bits: r"\(Quant\): signed integers of 1 bit; use BipolarQuant",
    valid_with_pads: r"\(MaxPool\): a window of \[3, 3\], .* pads \[1, 1, 1, 1\]",
    squeezed: r"\(Squeeze\): it makes no row of each image; flatten with",
    bare_border: r"node 'conv\d' \(Conv\): a kernel of 3 that is padded by 0; .* train it so",
    minus_border: r"\(Conv\): signs that are padded with \[-1.0\]; \+1 is exact, and 0 at twice",
    real_weights: r"\(Conv\): weights over signs that are not of one size per channel; .* bipolar",
    normalised_before_padding: r"\(Conv\): its border of 0 stands for 102 .*; .* pad before",
    signs_of_the_image: r"\(BipolarQuant\): it takes signs of the image; .* by a convolution",
    channel_scales: r"\(BipolarQuant\): a scale of \[1.0, 2.0\]; one number above 0",
    even_max_pool: r"\(MaxPool\): a window of 2 that is padded by 0; .* MaxPool2d\(3, 2, padding=1",
    overlapping_average: r"\(AveragePool\): a window of 3, stride 2, padded by 0; .* as long as",
    late_relu: r"\(Relu\): it follows no convolution, or others read .*; .* directly behind",
    normed_shortcut: r"\(Add\): it adds what a batch norm .*; .* directly behind its convolution",
    two_bits: r"\(Quant\): activations of \[2.0\] bits; 1 bit \(BipolarQuant\) or 8 and more",
    groups: r"\(Conv\): 4 groups; convolutions have one group here",
    sigmoid: r"\(Sigmoid\): no block of ours computes this; Add, .* are understood",
    product: r"\(Mul\): it reads two tensors; only a sum of tensors has a block",
    crooked_constant: r"\(Mul\): a constant of shape \(8,\) beside 4 channels; one number, or",
    read_before_it_is_passed_on: r"\(Relu\): it follows no convolution, or others read its input",
    read_before_it_is_scaled_by_1: r"\(Relu\): it follows no convolution, or others read its inp",
    unsigned_without_relu: r"\(Quant\): unsigned activations of what may be below 0; put it dir",
    unsigned_behind_a_norm: r"\(Quant\): unsigned activations of what may be below 0; put it dir",
    unsigned_sum: r"\(Quant\): unsigned activations of what may be below 0; put it directly behind",
    unsigned_centred_image: r"\(Quant\): unsigned activations of what may be below 0; put it dir",
    stride_of_0: r"\(Conv\): strides \[0, 0\], or dilations; equal strides are understood",
    pool_stride_of_0: r"\(AveragePool\): a window of \[2, 2\], strides \[0, 0\], pads",
    further_output: r"\(Identity\): it reads 'indices', a further output of a node or of none; exp",
    much_of_little: r"\(Mul\): a constant of 25000000 numbers; at most 16777216 are understood",
    doubled_again_and_again: r"\(Concat\): a constant of 33554432 numbers; at most 16777216 are",
    other_domain: r"\(Sign\): its domain 'finn.custom_op.general' is unknown; export with",
}


@pytest.mark.parametrize("body", REFUSED)
def test_node_without_a_block_is_named(body: Body, tmp_path: Path) -> None:
    model = QonnxModel()
    output = model.head(body(model))
    opsets = {"": 17, QONNX_DOMAIN: 1, "finn.custom_op.general": 1}
    data = model.model(output, opsets=opsets).SerializeToString()
    (tmp_path / "model.onnx").write_bytes(data)
    with pytest.raises(TargetError, match=REFUSED[body]) as error:
        read_foreign(load_given(tmp_path / "model.onnx"))
    assert "\n" not in str(error.value)
