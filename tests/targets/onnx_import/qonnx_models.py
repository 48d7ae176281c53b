"""Small QONNX models with one node under test, as Brevitas writes them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from targets.onnx_blocks import QONNX_DOMAIN

CHANNELS, SIZE, CLASSES = 4, 8, 3


class QonnxModel:
    """Nodes and constants in the making."""

    def __init__(self, *, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, array: Any, dtype: type[np.generic] = np.float32) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array, dtype), name))
        return name

    def apply(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        name = f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(operator, inputs, [f"{name}_out"], name, domain=domain, **attributes)
        )
        return f"{name}_out"

    def sign(self, tensor: str, scale: Any = 1.0) -> str:
        return self.apply("BipolarQuant", tensor, self.constant(scale), domain=QONNX_DOMAIN)

    def weights(self, *shape: int) -> NDArray[np.float64]:
        return self.rng.normal(0, 0.5, shape)

    def int8_weights(self, *shape: int) -> NDArray[np.float64]:
        """Weights that int8 holds exactly."""
        integers = self.rng.integers(-127, 128, shape)
        integers[:, 0, 0, 0] = 127
        return integers / 127

    def stem(self, **attributes: Any) -> str:
        """A convolution over the image."""
        weights = self.constant(self.int8_weights(CHANNELS, 1, 3, 3))
        return self.apply("Conv", "images", weights, **{"pads": [1] * 4} | attributes)

    def binary_conv(self, signs: str, *, kernel_size: int = 3, **attributes: Any) -> str:
        shape = CHANNELS, CHANNELS, kernel_size, kernel_size
        weights = self.sign(self.constant(self.weights(*shape)), 0.25)
        return self.apply("Conv", signs, weights, **attributes)

    def normed(self, tensor: str) -> str:
        """A batch norm."""
        parameters = [
            self.constant(each)
            for each in (
                self.weights(CHANNELS), self.weights(CHANNELS), self.weights(CHANNELS),
                self.weights(CHANNELS) ** 2,
            )
        ]  # fmt: skip
        return self.apply("BatchNormalization", tensor, *parameters)

    def unsigned(self, tensor: str) -> str:
        """A rounding to 8 bits, none of which is for a sign."""
        numbers = [self.constant(each) for each in (0.01, 0.0, 8.0)]
        return self.apply("Quant", tensor, *numbers, domain=QONNX_DOMAIN, signed=0)

    def head(self, tensor: str) -> str:
        """Means over the pixels, and a dense layer."""
        pooled = self.apply("GlobalAveragePool", tensor)
        flat = self.apply("Flatten", pooled)
        weights = self.constant(self.weights(CLASSES, CHANNELS))
        bias = self.constant(self.weights(CLASSES))
        return self.apply("Gemm", flat, weights, bias, transB=1)

    def model(
        self,
        output: str,
        *,
        shape: Sequence[int | str] = (1, 1, SIZE, SIZE),
        opsets: Mapping[str, int] = {"": 17, QONNX_DOMAIN: 1},
    ) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "test",
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["N", "C"])],
            self.constants,
        )
        imports = [helper.make_opsetid(domain, version) for domain, version in opsets.items()]
        return helper.make_model(graph, opset_imports=imports, ir_version=8)

    def save(self, output: str, path: Path) -> Path:
        path.write_bytes(self.model(output).SerializeToString())
        return path
