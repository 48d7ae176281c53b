"""The float network of the same topology, as ONNX: what a user would run without binary kernels.

Every binary convolution becomes a float convolution of its shape with the batch norm folded in;
signs disappear, shortcuts and activations stay. Weights are random: only its latency is asked for.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from space.blocks import BinaryConv, Classifier, Conv, Pool, Sum
from space.graph import IMAGE_VALUE, BlockGraph, Node, Value


def float_twin(graph: BlockGraph, generator: np.random.Generator) -> onnx.ModelProto:
    """The twin for one image [1, channels, size, size] float32, with logits [1, classes]."""
    builder = _Builder(generator)
    for node in graph:
        builder.add(node)
    image = [1, graph.image_channels, graph.image_size, graph.image_size]
    body = helper.make_graph(
        builder.nodes,
        "float_twin",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, image)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, graph.classes])],
        builder.constants,
    )
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def float_twin_runner(graph: BlockGraph, *, threads: int) -> Callable[[], float]:
    """A function that runs the twin once in onnxruntime and returns the milliseconds it took."""
    import onnxruntime

    generator = np.random.default_rng(0)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        float_twin(graph, generator).SerializeToString(),
        options,
        providers=["CPUExecutionProvider"],
    )
    shape = (1, graph.image_channels, graph.image_size, graph.image_size)
    image = generator.standard_normal(shape).astype(np.float32)

    def run() -> float:
        start = time.perf_counter()
        session.run(None, {"image": image})
        return 1e3 * (time.perf_counter() - start)

    return run


def float_twin_latency_ms(graph: BlockGraph, *, runs: int = 200, threads: int = 1) -> float:
    """The median latency of the twin after a warm-up of as many runs."""
    run = float_twin_runner(graph, threads=threads)
    samples = [run() for _ in range(2 * runs)]
    return statistics.median(samples[runs:])


class _Builder:
    def __init__(self, generator: np.random.Generator) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []
        self._generator = generator

    def add(self, node: Node) -> None:
        sources = [_name(value) for value in node.inputs.sources]
        match node.block:
            case Classifier():
                self._classify(node.block, sources)
            case BinaryConv() | Conv():
                self._epilogue(node, [self._convolve(node, node.block, sources)])
            case Pool():
                self._epilogue(node, [self._pool(node, node.block, sources[0])])
            case Sum():
                self._epilogue(node, [])

    def _apply(
        self, operator: str, inputs: list[str], output: str, **attributes: int | list[int]
    ) -> str:
        node = helper.make_node(operator, inputs, [output])
        node.attribute.extend(helper.make_attribute(*pair) for pair in attributes.items())
        self.nodes.append(node)
        return output

    def _weights(self, name: str, *shape: int) -> str:
        array = (0.05 * self._generator.standard_normal(shape)).astype(np.float32)
        return self._constant(name, array)

    def _constant(self, name: str, array: NDArray[np.generic]) -> str:
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def _joined(self, sources: list[str], name: str) -> str:
        return sources[0] if len(sources) == 1 else self._apply("Concat", sources, name, axis=1)

    def _convolve(self, node: Node, block: BinaryConv | Conv, sources: list[str]) -> str:
        joined = self._joined(sources, f"{node.name}:joined")
        channels = block.reduction // block.kernel_size**2
        kernel = (block.kernel_size, block.kernel_size)
        weights = self._weights(f"{node.name}:w", block.out_channels, channels, *kernel)
        bias = self._weights(f"{node.name}:b", block.out_channels)
        total = self._apply(
            "Conv", [joined, weights, bias], f"{node.name}:conv",
            strides=[block.stride] * 2, pads=[block.kernel_size // 2] * 4,
        )  # fmt: skip
        if block.epilogue.activation == "none":
            return total
        slopes = self._weights(f"{node.name}:slope", block.out_channels, 1, 1)
        return self._apply("PRelu", [total, slopes], f"{node.name}:activated")

    def _pool(self, node: Node, block: Pool, source: str) -> str:
        window = {"kernel_shape": [block.kernel_size] * 2, "strides": [block.stride] * 2}
        if block.kind == "max":
            window["pads"] = [block.kernel_size // 2] * 4
        operator = {"average": "AveragePool", "max": "MaxPool"}[block.kind]
        pooled = self._apply(operator, [source], f"{node.name}:pooled", **window)
        if block.out_channels == block.in_channels:
            return pooled
        picked = np.arange(block.out_channels) % block.period % block.in_channels
        indices = self._constant(f"{node.name}:channels", picked)
        return self._apply("Gather", [pooled, indices], f"{node.name}:copied", axis=1)

    def _epilogue(self, node: Node, totals: list[str]) -> None:
        terms = totals + [_name(value) for value in node.inputs.shortcuts]
        inner = f"{node.name}:inner"
        self._add(terms, inner)
        if node.inputs.outer is not None:
            self._add([inner, _name(node.inputs.outer)], f"{node.name}:outer")

    def _add(self, terms: list[str], output: str) -> None:
        last = terms[0]
        for number, term in enumerate(terms[1:], start=1):
            last = self._apply("Add", [last, term], f"{output}:{number}")
        self._apply("Identity", [last], output)

    def _classify(self, block: Classifier, sources: list[str]) -> None:
        pooled = self._apply(
            "GlobalAveragePool", [self._joined(sources, "features:joined")], "features"
        )
        flat = self._apply("Flatten", [pooled], "features:flat")
        weights = self._weights("classifier:w", sum(block.in_channels), block.classes)
        bias = self._weights("classifier:b", block.classes)
        self._apply("Gemm", [flat, weights, bias], "logits")


def _name(value: Value) -> str:
    """The tensor of a value; a sign is the real tensor that it was taken of."""
    if value == IMAGE_VALUE:
        return "image"
    return f"{value.node}:{'outer' if value.port.startswith('outer') else 'inner'}"
