"""Float networks as ONNX, layer by layer, with random weights: only their latency is asked for."""

import math

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

IMAGE = "image"
LOGITS = "logits"


class OnnxBuilder:
    """A model in the making: every method adds a layer and returns the name of its output.

    Weights are scaled by their fan-in, so that int8 ranges are those of a network at work.
    """

    def __init__(self, generator: np.random.Generator) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[TensorProto] = []
        self._generator = generator

    def conv(
        self, source: str, name: str, shape: tuple[int, int], *, kernel_size: int, stride: int = 1
    ) -> str:
        """A convolution of shape (in, out) channels, padded by kernel_size // 2, with a bias."""
        in_channels, out_channels = shape
        window = (out_channels, in_channels, kernel_size, kernel_size)
        weights = self._weights(f"{name}:w", window, fan_in=in_channels * kernel_size**2)
        inputs = [source, weights, self._bias(f"{name}:b", out_channels)]
        pads, strides = [kernel_size // 2] * 4, [stride] * 2
        return self.apply("Conv", inputs, f"{name}:conv", pads=pads, strides=strides)

    def max_pool(self, source: str, name: str, *, kernel_size: int, stride: int) -> str:
        """A max pool that is padded by kernel_size // 2."""
        pads, strides = [kernel_size // 2] * 4, [stride] * 2
        window = [kernel_size] * 2
        return self.apply(
            "MaxPool", [source], f"{name}:pooled", kernel_shape=window, strides=strides, pads=pads
        )

    def add(self, terms: list[str], name: str) -> str:
        """The sum of its terms; a single one is the sum itself."""
        last = terms[0]
        for number, term in enumerate(terms[1:], start=1):
            last = self.apply("Add", [last, term], f"{name}:sum{number}")
        return last

    def classify(self, source: str, channels: int, classes: int) -> None:
        """Global average pool and dense layer: the model's logits."""
        pooled = self.apply("GlobalAveragePool", [source], "features")
        flat = self.apply("Flatten", [pooled], "features:flat")
        weights = self._weights("classifier:w", (channels, classes), fan_in=channels)
        self.apply("Gemm", [flat, weights, self._bias("classifier:b", classes)], LOGITS)

    def apply(
        self, operator: str, inputs: list[str], output: str, **attributes: int | list[int]
    ) -> str:
        """Any operator with one output."""
        node = helper.make_node(operator, inputs, [output], name=output)
        node.attribute.extend(helper.make_attribute(*pair) for pair in attributes.items())
        self._nodes.append(node)
        return output

    def constant(self, name: str, array: NDArray[np.generic]) -> str:
        """An array that is stored in the model."""
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def model(self, *, image_channels: int, image_size: int, classes: int) -> onnx.ModelProto:
        """The model for one image [1, channels, size, size], with logits [1, classes]; float32."""
        image = [1, image_channels, image_size, image_size]
        graph = helper.make_graph(
            self._nodes,
            "network",
            [helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, image)],
            [helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, [1, classes])],
            self._constants,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    def _weights(self, name: str, shape: tuple[int, ...], *, fan_in: int) -> str:
        scaled = math.sqrt(2 / fan_in) * self._generator.standard_normal(shape)
        return self.constant(name, scaled.astype(np.float32))

    def _bias(self, name: str, channels: int) -> str:
        drawn = 0.05 * self._generator.standard_normal(channels)
        return self.constant(name, drawn.astype(np.float32))
