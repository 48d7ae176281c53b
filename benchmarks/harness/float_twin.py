"""The float network of the same topology, as ONNX: what a user would run without binary kernels.

Every binary convolution becomes a float convolution of its shape with the batch norm folded in;
signs disappear, shortcuts stay. Every PReLU becomes a ReLU, which onnxruntime fuses into the
convolution: a PReLU would take it out of its fastest layout.
"""

import statistics
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx

from space.blocks import BinaryConv, Classifier, Conv, MaxPool, Pool, Sum
from space.graph import IMAGE_VALUE, BlockGraph, Node, Value

from .interleaved import Engine, interleaved_ms
from .onnx_builder import IMAGE, OnnxBuilder
from .onnx_latency import onnx_command


def float_twin(graph: BlockGraph, generator: np.random.Generator) -> onnx.ModelProto:
    """The twin for one image [1, channels, size, size] float32, with logits [1, classes]."""
    twin = _Twin(generator)
    for node in graph:
        twin.add(node)
    return twin.builder.model(
        image_channels=graph.image_channels, image_size=graph.image_size, classes=graph.classes
    )


def beside_twin_ms(
    program: Sequence[str], graph: BlockGraph, *, rounds: int, round_ms: float
) -> tuple[float, float]:
    """The medians of a compiled network and of its twin in interleaved rounds, on one thread."""
    with TemporaryDirectory() as folder:
        model = Path(folder) / "twin.onnx"
        onnx.save(float_twin(graph, np.random.default_rng(0)), model)
        engines = {"own": Engine(tuple(program), 1), "twin": Engine(onnx_command(model), 1)}
        times = interleaved_ms(engines, rounds=rounds, round_ms=round_ms)
    return statistics.median(times["own"]), statistics.median(times["twin"])


class _Twin:
    def __init__(self, generator: np.random.Generator) -> None:
        self.builder = OnnxBuilder(generator)
        self._tensors: dict[Value, str] = {}

    def add(self, node: Node) -> None:
        sources = [self._tensor(value) for value in node.inputs.sources]
        match node.block:
            case Classifier():
                joined = self._joined(sources, node.name)
                self.builder.classify(joined, sum(node.block.in_channels), node.block.classes)
            case Conv(max_pool=MaxPool() as window):
                total = self._convolve(node, node.block, sources)
                self._epilogue(node, [self._max_pool(node, window, total)])
            case BinaryConv() | Conv():
                self._epilogue(node, [self._convolve(node, node.block, sources)])
            case Pool():
                self._epilogue(node, [self._pool(node, node.block, sources[0])])
            case Sum():
                self._epilogue(node, [])

    def _tensor(self, value: Value) -> str:
        """The tensor of a value; a sign is the real tensor that it was taken of."""
        if value == IMAGE_VALUE:
            return IMAGE
        port = "outer" if value.port.startswith("outer") else "inner"
        return self._tensors[Value(value.node, port)]

    def _joined(self, sources: list[str], name: str) -> str:
        if len(sources) == 1:
            return sources[0]
        return self.builder.apply("Concat", sources, f"{name}:joined", axis=1)

    def _convolve(self, node: Node, block: BinaryConv | Conv, sources: list[str]) -> str:
        joined = self._joined(sources, node.name)
        shape = (block.reduction // block.kernel_size**2, block.out_channels)
        total = self.builder.conv(
            joined, node.name, shape, kernel_size=block.kernel_size, stride=block.stride
        )
        if block.epilogue.activation == "none":
            return total
        return self.builder.apply("Relu", [total], f"{node.name}:act")

    def _pool(self, node: Node, block: Pool, source: str) -> str:
        size, stride = block.kernel_size, block.stride
        if block.kind == "max":
            pooled = self._max_pool(node, block, source)
        else:
            window = {"kernel_shape": [size] * 2, "strides": [stride] * 2}
            pooled = self.builder.apply("AveragePool", [source], f"{node.name}:pooled", **window)
        if block.out_channels == block.in_channels:
            return pooled
        picked = np.arange(block.out_channels) % block.period % block.in_channels
        indices = self.builder.constant(f"{node.name}:channels", picked)
        return self.builder.apply("Gather", [pooled, indices], f"{node.name}:copied", axis=1)

    def _max_pool(self, node: Node, window: MaxPool | Pool, source: str) -> str:
        return self.builder.max_pool(
            source, node.name, kernel_size=window.kernel_size, stride=window.stride
        )

    def _epilogue(self, node: Node, totals: list[str]) -> None:
        terms = totals + [self._tensor(value) for value in node.inputs.shortcuts]
        inner = self.builder.add(terms, f"{node.name}:inner")
        self._tensors[Value(node.name, "inner")] = inner
        if node.inputs.outer is not None:
            outer = self._tensor(node.inputs.outer)
            self._tensors[Value(node.name, "outer")] = self.builder.add(
                [inner, outer], f"{node.name}:outer"
            )
