"""The end of a foreign ONNX model: means over all pixels, and the dense layer of the logits."""

from collections.abc import Sequence

import numpy as np
import onnx

from space.floats import Floats

from .constants import attribute, per_channel
from .reading import Reading, constant_input, real_input
from .values import Features, Logits, Real, Tensor, described, refuse


def global_pool(_: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Tensor:
    """GlobalAveragePool, and ReduceMean over all pixels."""
    real = real_input(node, inputs[0])
    if node.op_type == "ReduceMean":
        axes = _named_axes(node, inputs)
        if axes != [2, 3]:
            refuse(node, f"means over the axes {axes}", "only those over all pixels, (2, 3)")
    if real.border is not None or real.draft.kind == "image":
        refuse(node, "it pools what is no output of a block", "pool behind a convolution")
    return Features(real)


def flattened(_: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Tensor:
    """Flatten, Reshape and Squeeze of what has one pixel per image."""
    tensor = inputs[0]
    is_plain = {
        "Flatten": lambda: attribute(node, "axis", 1) == 1,
        "Reshape": lambda: constant_input(node, inputs[1]).ravel().tolist()[1:] in _rows(tensor),
        # Without any it would take the axis of a single image too.
        "Squeeze": lambda: _named_axes(node, inputs) == [2, 3],
    }[node.op_type]()
    if not is_plain:
        refuse(node, "it makes no row of each image", "flatten with torch.flatten(x, 1)")
    if isinstance(tensor, Features):
        return tensor
    real = real_input(node, tensor)
    if real.size != 1 or real.border is not None:
        refuse(
            node, f"it flattens {real.size}x{real.size} pixels",
            "the classifier reads means over all pixels: put a GlobalAveragePool before it",
        )  # fmt: skip
    return Features(real)


def _named_axes(node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> list[int]:
    """The axes of 4 that a node names, as an attribute or an input; none where it names none."""
    given = inputs[1] if len(inputs) > 1 else None
    axes = attribute(node, "axes", []) if given is None else constant_input(node, given).tolist()
    return sorted(axis % 4 for axis in axes)


def _rows(tensor: Tensor | None) -> tuple[list[int], ...]:
    """What may follow the number of images in the shape of a flat tensor."""
    if isinstance(tensor, Real | Features):
        return [-1], [tensor.channels]
    return ([-1],)


def dense(_: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Tensor:
    """Gemm and MatMul of the pooled features: the logits."""
    features = inputs[0]
    if not isinstance(features, Features):
        what = "nothing" if features is None else described(features)
        refuse(
            node, f"it reads {what}",
            "the one dense layer that is understood reads means over all pixels, and gives the "
            "logits",
        )  # fmt: skip
    weights = constant_input(node, inputs[1]).astype(np.float64)
    if node.op_type == "MatMul" or not attribute(node, "transB", 0):
        weights = weights.T
    weights = weights * attribute(node, "alpha", 1.0)
    bias: Floats = np.zeros(len(weights))
    if len(inputs) > 2 and inputs[2] is not None:
        given = per_channel(node, constant_input(node, inputs[2]), len(weights), spatial=False)
        bias = given * attribute(node, "beta", 1.0)
    if attribute(node, "transA", 0) or weights.shape[1:] != (features.channels,):
        refuse(node, f"weights of shape {weights.shape}", "one row of channels per class is needed")
    return Logits(features, weights, bias, node.name or node.output[0])
