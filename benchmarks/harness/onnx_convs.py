"""Single convolutions in onnxruntime, as ONNX: float32, and int8 in the layouts that it has."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from space.blocks import conv_out_size


@dataclass(frozen=True, slots=True)
class ConvShape:
    """A convolution of one image that is padded by kernel_size // 2."""

    in_channels: int
    out_channels: int
    kernel_size: int
    stride: int
    in_size: int

    @property
    def out_size(self) -> int:
        return conv_out_size(self.in_size, self.kernel_size, self.stride)

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        window = self.in_channels * self.kernel_size**2
        return window * self.out_channels * self.out_size**2

    def __str__(self) -> str:
        stride = f"/{self.stride}" if self.stride > 1 else ""
        return (
            f"{self.kernel_size}x{self.kernel_size}{stride} "
            f"{self.in_size}x{self.in_size}x{self.in_channels} -> {self.out_channels}"
        )


def float_conv(shape: ConvShape) -> Callable[[], float]:
    """A function that runs the float32 convolution once and returns its microseconds."""
    rng = np.random.default_rng(0)
    window = (shape.out_channels, shape.in_channels, shape.kernel_size, shape.kernel_size)
    weights = numpy_helper.from_array(rng.standard_normal(window).astype(np.float32), "w")
    node = _node(shape, "Conv", ["x", "w"])
    model = _model(node, [weights], shape, TensorProto.FLOAT, channels_last=False)
    return _runner(model, rng.standard_normal(_image(shape)).astype(np.float32))


def int8_conv(shape: ConvShape, *, channels_last: bool) -> Callable[[], float]:
    """The same with uint8 activations and int8 weights, requantized per channel to uint8.

    channels_last: onnxruntime's own form of the operator, without a transposition on either side.
    """
    rng = np.random.default_rng(0)
    window = (shape.out_channels, shape.in_channels, shape.kernel_size, shape.kernel_size)
    channels = shape.out_channels
    constants = {
        "x_scale": np.float32(0.02), "x_zero": np.uint8(128),
        "w": rng.integers(-127, 128, window).astype(np.int8),
        "w_scale": np.full(channels, 0.01, np.float32), "w_zero": np.zeros(channels, np.int8),
        "y_scale": np.float32(0.5), "y_zero": np.uint8(128),
    }  # fmt: skip
    node = _node(shape, "QLinearConv", ["x", *constants])
    if channels_last:
        node.domain = "com.microsoft"
        node.attribute.append(helper.make_attribute("channels_last", 1))
    tensors = [
        numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
    ]
    model = _model(node, tensors, shape, TensorProto.UINT8, channels_last=channels_last)
    image = rng.integers(0, 256, _image(shape, channels_last=channels_last))
    return _runner(model, image.astype(np.uint8))


def _node(shape: ConvShape, operator: str, inputs: list[str]) -> onnx.NodeProto:
    pads, strides = [shape.kernel_size // 2] * 4, [shape.stride] * 2
    return helper.make_node(operator, inputs, ["y"], pads=pads, strides=strides)


def _image(shape: ConvShape, *, channels_last: bool = False) -> list[int]:
    return _tensor(shape.in_size, shape.in_channels, channels_last=channels_last)


def _tensor(size: int, channels: int, *, channels_last: bool) -> list[int]:
    return [1, size, size, channels] if channels_last else [1, channels, size, size]


def _model(
    node: onnx.NodeProto, constants: list[TensorProto], shape: ConvShape, dtype: int,
    *, channels_last: bool,
) -> bytes:  # fmt: skip
    answer = _tensor(shape.out_size, shape.out_channels, channels_last=channels_last)
    graph = helper.make_graph(
        [node],
        "conv",
        [helper.make_tensor_value_info("x", dtype, _image(shape, channels_last=channels_last))],
        [helper.make_tensor_value_info("y", dtype, answer)],
        constants,
    )
    domains = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=domains, ir_version=9)
    return bytes(model.SerializeToString())


def _runner(model: bytes, image: np.ndarray) -> Callable[[], float]:
    """Time one run on one thread, with input and output bound: nothing is copied."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    binding.bind_ortvalue_input("x", onnxruntime.OrtValue.ortvalue_from_numpy(image))
    binding.bind_output("y")

    def run() -> float:
        start = time.perf_counter()
        session.run_with_iobinding(binding)
        return 1e6 * (time.perf_counter() - start)

    return run
