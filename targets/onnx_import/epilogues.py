"""Nodes that join what a convolution writes: norms, constants, activations and shortcuts."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import onnx

from space.floats import Floats

from .constants import attribute, per_channel
from .reading import Reading, constant_input, new_draft, real_input
from .values import Border, Features, Logits, Real, Sign, Tensor, refuse


def batch_norm(reading: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Tensor:
    """BatchNormalization for inference."""
    if attribute(node, "training_mode", 0):
        refuse(node, "training_mode is on", "export the model for inference: model.eval()")
    scale, bias, mean, variance = (
        constant_input(node, each).astype(np.float64) for each in inputs[1:5]
    )
    variance = variance + attribute(node, "epsilon", 1e-5)
    if not (variance > 0).all():
        refuse(node, f"a variance of {variance.min():g}", "it must be above 0: train again")
    gain = scale / np.sqrt(variance)
    return _affine(reading, node, inputs[0], gain, bias - mean * gain, centre=mean)


def _affine(
    reading: Reading, node: onnx.NodeProto, tensor: Tensor | None, gain: Floats, bias: Floats,
    *, centre: Floats | None = None,
) -> Tensor:  # fmt: skip
    """gain * tensor + bias, per channel; centre: what the tensor is on average, if known."""
    if isinstance(tensor, Logits):
        weights = tensor.weights * gain[:, None]
        return replace(tensor, weights=weights, bias=tensor.bias * gain + bias)
    if isinstance(tensor, Features):
        return Features(replace(tensor.real, norm=tensor.real.norm.then(gain, bias)))
    real = real_input(node, tensor)
    draft = real.draft
    if len(gain) != draft.channels:
        refuse(node, f"{len(gain)} numbers for {draft.channels} channels", "export it again")
    if reading.grows(node.input[0], real) and draft.takes_norm and draft.norm is not None:
        norm = draft.norm if centre is None else draft.norm.centred(centre)
        draft.norm = norm.then(gain, bias)
        return real
    border = real.border and Border(real.border.pixels, real.border.value * gain + bias)
    return Real(draft, real.norm.then(gain, bias), border)


def arithmetic(reading: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Tensor:
    """Add, Sub, Mul and Div with a constant; Add of two real tensors."""
    first, second = inputs
    if isinstance(first, np.ndarray) and node.op_type in ("Add", "Mul"):
        swapped = onnx.NodeProto()
        swapped.CopyFrom(node)
        swapped.input[:] = [node.input[1], node.input[0]]
        return arithmetic(reading, swapped, (second, first))
    if not isinstance(second, np.ndarray):
        if node.op_type == "Add":
            return _added(reading, node, real_input(node, first), real_input(node, second))
        refuse(node, "it reads two tensors", "only a sum of tensors has a block")
    if first is None or isinstance(first, Sign | np.ndarray):
        refuse(node, "it scales signs", "scale the sums of the convolution that reads them")
    numbers = per_channel(node, second, first.channels, spatial=isinstance(first, Real))
    ones, zeros = np.ones(first.channels), np.zeros(first.channels)
    if node.op_type == "Div" and not numbers.all():
        refuse(node, "it divides by 0", "train again")
    gain, bias = {
        "Add": lambda: (ones, numbers),
        "Sub": lambda: (ones, -numbers),
        "Mul": lambda: (numbers, zeros),
        "Div": lambda: (1 / numbers, zeros),
    }[node.op_type]()
    return _affine(reading, node, first, gain, bias)


def _added(reading: Reading, node: onnx.NodeProto, first: Real, second: Real) -> Real:
    """A sum of two real tensors: a shortcut of the later one, or a block of its own."""
    for each in (first, second):
        if each.draft is reading.drafts[0]:
            refuse(node, "it adds the image", "add the output of a convolution")
        if each.border is not None or not each.norm.is_identity:
            refuse(
                node, "it adds what a batch norm or a constant made of a tensor that others read",
                "a shortcut adds tensors as they are: take the batch norm directly behind its "
                "convolution, or away",
            )  # fmt: skip
    if (first.channels, first.size) != (second.channels, second.size):
        refuse(
            node, f"{first.channels} channels of size {first.size} and {second.channels} of size "
            f"{second.size}", "both must be equal",
        )  # fmt: skip
    names = node.input
    order = reading.drafts.index
    (name, later), (_, earlier) = sorted(
        zip(names, (first, second), strict=True), key=lambda each: -order(each[1].draft)
    )
    if later.draft is not earlier.draft and reading.grows(name, later):
        later.draft.shortcuts.append(earlier.draft)
        earlier.draft.is_read = True
        return later
    draft = new_draft(node, "sum", later, later.size)
    draft.shortcuts += [first.draft, second.draft]
    return reading.add(draft)


def activated(reading: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Tensor:
    """Relu, LeakyRelu and PRelu: the activation of a convolution."""
    real = real_input(node, inputs[0])
    if not (reading.grows(node.input[0], real) and real.draft.takes_norm):
        refuse(
            node, "it follows no convolution, or others read its input too",
            "an activation comes directly behind a convolution and its batch norm",
        )  # fmt: skip
    if node.op_type == "PRelu":
        slopes = per_channel(node, constant_input(node, inputs[1]), real.channels, spatial=True)
    elif node.op_type == "LeakyRelu":
        slopes = np.full(real.channels, attribute(node, "alpha", 0.01))
    else:
        slopes = np.zeros(real.channels)
    real.draft.slopes = slopes
    return real
