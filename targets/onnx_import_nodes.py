"""The operators of foreign ONNX models: what each makes of tensors, or why it cannot be taken."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import onnx
from numpy.typing import NDArray

from space.blocks import MaxPool, conv_out_size
from space.floats import Floats, identity_norm

from .onnx_import_constants import attribute, per_channel, quant_range
from .onnx_import_convs import convolved
from .onnx_import_values import (
    Border,
    Constant,
    Draft,
    Features,
    Kind,
    Logits,
    Real,
    Sign,
    Tensor,
    described,
    refuse,
)

_LEAST_BITS = 8


@dataclass(frozen=True, eq=False)
class Reading:
    """A model that is being read: tensors by name, drafts in execution order.

    readers: how many nodes and outputs read a tensor. notes: what a user should know.
    """

    opset: int
    readers: Counter[str]
    tensors: dict[str, Tensor] = field(default_factory=dict)
    drafts: list[Draft] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def inputs(self, node: onnx.NodeProto) -> list[Tensor | None]:
        return [self.tensors[name] if name else None for name in node.input]

    def add(self, draft: Draft) -> Real:
        """Append a draft and return what it writes; what it reads has to be stored."""
        for source in draft.sources:
            source.draft.is_read |= isinstance(source, Real)
        for shortcut in draft.shortcuts:
            shortcut.is_read = True
        self.drafts.append(draft)
        return Real(draft, identity_norm(draft.channels))

    def grows(self, name: str, tensor: Real) -> bool:
        """Whether a node that reads this tensor may become part of the draft that writes it."""
        is_whole = tensor.border is None and tensor.norm.is_identity
        return is_whole and self.readers[name] == 1 and tensor.draft is not self.drafts[0]


Operator = Callable[[Reading, onnx.NodeProto, Sequence[Tensor | None]], Tensor]


def _real(node: onnx.NodeProto, tensor: Tensor | None) -> Real:
    if not isinstance(tensor, Real):
        what = "nothing" if tensor is None else described(tensor)
        refuse(node, f"it reads {what}", "only real tensors go through this operator")
    return tensor


def _constant(node: onnx.NodeProto, tensor: Tensor | None) -> Constant:
    if not isinstance(tensor, np.ndarray):
        refuse(node, "a parameter of it is not constant", "export the model for inference")
    return tensor


def _conv(reading: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Tensor:
    weights = _constant(node, inputs[1]).astype(np.float64)
    bias = None if len(inputs) < 3 or inputs[2] is None else _constant(node, inputs[2])
    source = inputs[0]
    if not isinstance(source, Real | Sign):
        refuse(node, "it reads neither signs nor a real tensor", "no block of ours does this")
    is_image = source.draft is reading.drafts[0]
    draft, note = convolved(node, source, weights, bias, is_image=is_image)
    if note:
        reading.notes.append(note)
    return reading.add(draft)


def _batch_norm(reading: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Tensor:
    if attribute(node, "training_mode", 0):
        refuse(node, "training_mode is on", "export the model for inference: model.eval()")
    scale, bias, mean, variance = (_constant(node, each).astype(np.float64) for each in inputs[1:5])
    gain = scale / np.sqrt(variance + attribute(node, "epsilon", 1e-5))
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
    real = _real(node, tensor)
    draft = real.draft
    if len(gain) != draft.channels:
        refuse(node, f"{len(gain)} numbers for {draft.channels} channels", "export it again")
    if reading.grows(node.input[0], real) and draft.takes_norm and draft.norm is not None:
        norm = draft.norm if centre is None else draft.norm.centred(centre)
        draft.norm = norm.then(gain, bias)
        return real
    border = real.border and Border(real.border.pixels, real.border.value * gain + bias)
    return Real(draft, real.norm.then(gain, bias), border)


def _arithmetic(reading: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Tensor:
    """Add, Sub, Mul and Div with a constant; Add of two real tensors."""
    first, second = inputs
    if isinstance(first, np.ndarray) and node.op_type in ("Add", "Mul"):
        swapped = onnx.NodeProto()
        swapped.CopyFrom(node)
        swapped.input[:] = [node.input[1], node.input[0]]
        return _arithmetic(reading, swapped, (second, first))
    if not isinstance(second, np.ndarray):
        if node.op_type == "Add":
            return _added(reading, node, _real(node, first), _real(node, second))
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
    draft = _draft(node, "sum", later, later.size)
    draft.shortcuts += [first.draft, second.draft]
    return reading.add(draft)


def _draft(node: onnx.NodeProto, kind: Kind, real: Real, size: int) -> Draft:
    return Draft(node.name or node.output[0], kind, real.channels, size)


def _activated(reading: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Tensor:
    real = _real(node, inputs[0])
    if not (reading.grows(node.input[0], real) and real.draft.takes_norm):
        refuse(
            node, "it follows no convolution, or others read its input too",
            "an activation comes directly behind a convolution and its batch norm",
        )  # fmt: skip
    if node.op_type == "PRelu":
        slopes = per_channel(node, _constant(node, inputs[1]), real.channels, spatial=True)
    elif node.op_type == "LeakyRelu":
        slopes = np.full(real.channels, attribute(node, "alpha", 0.01))
    else:
        slopes = np.zeros(real.channels)
    real.draft.slopes = slopes
    return real


def _sign(_: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Tensor:
    real = _real(node, inputs[0])
    scale = _constant(node, inputs[1]).astype(np.float64)
    if real.draft.kind == "image":
        refuse(node, "it takes signs of the image", "the image is read by a convolution")
    if scale.size != 1 or not scale.item() > 0:
        refuse(node, f"a scale of {scale.ravel()[:4].tolist()}", "one number above 0 is understood")
    border = real.border
    if border is not None:
        sides = np.where(border.value >= 0, scale.item(), -scale.item())
        border = Border(border.pixels, sides)
    real.draft.signs.append(real.norm)
    return Sign(real.draft, len(real.draft.signs) - 1, scale.item(), border)


def _quant(reading: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Tensor:
    """A rounding that is finer than what our own integers would lose, passed over."""
    bits = _constant(node, inputs[3]).astype(np.float64)
    if bits.size != 1 or bits.item() < _LEAST_BITS:
        refuse(
            node, f"activations of {bits.ravel()[:4].tolist()} bits",
            f"1 bit (BipolarQuant) or {_LEAST_BITS} and more are understood",
        )  # fmt: skip
    real = _real(node, inputs[0])
    low, _ = quant_range(node, bits.item())
    is_positive = real.draft.kind == "image" or (
        real.draft.slopes is not None and not real.draft.slopes.any()
    )
    if low == 0 and not is_positive:
        refuse(node, "unsigned activations that no Relu precedes", "put a Relu before it")
    reading.notes.append(
        f"node {node.name!r} (Quant): its {bits.item():g} bits are not reproduced, real values have"
        " 16 here"
    )
    return real


def _padded(_: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Tensor:
    source = inputs[0]
    if not isinstance(source, Real | Sign) or source.border is not None:
        refuse(node, "it pads what cannot be padded, or twice", "pad once, before a convolution")
    pads = _constant(node, inputs[1]).ravel().tolist()
    pixels = pads[2] if len(pads) == 8 else 0
    axes = inputs[3] if len(inputs) > 3 else None
    if attribute(node, "mode", "constant") != "constant" or axes is not None:
        refuse(node, "it does not pad with a constant on all axes", "pad with a constant")
    if pads != [0, 0, pixels, pixels] * 2 or pixels < 0:
        refuse(node, f"pads of {pads}", "pad all four sides alike, and nothing else")
    given = inputs[2] if len(inputs) > 2 else None
    value = 0.0 if given is None else _constant(node, given).astype(np.float64).item()
    return replace(source, border=Border(pixels, np.full(source.channels, value)))


def _window(node: onnx.NodeProto) -> tuple[int, int, int]:
    """(kernel size, stride, pixels of padding) of a square pool."""
    kernel = attribute(node, "kernel_shape", [])
    strides = attribute(node, "strides", [1, 1])
    pads = attribute(node, "pads", [0, 0, 0, 0])
    is_square = all(len(set(each)) == 1 for each in (kernel, strides, pads)) and len(kernel) == 2
    is_plain = (
        set(attribute(node, "dilations", [1, 1])) == {1}
        and not attribute(node, "ceil_mode", 0)
        and attribute(node, "auto_pad", "NOTSET") in ("NOTSET", "VALID")
    )
    if not is_square or not is_plain:
        refuse(
            node, f"a window of {kernel}, strides {strides}, pads {pads}, dilated or rounded up",
            "square windows are understood, with equal pads, rounded down",
        )  # fmt: skip
    return kernel[0], strides[0], pads[0]


def _max_pool(reading: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Tensor:
    real = _real(node, inputs[0])
    kernel_size, stride, pixels = _window(node)
    if pixels != kernel_size // 2:
        refuse(
            node, f"a window of {kernel_size} that is padded by {pixels}",
            f"max pools are padded by kernel_size // 2 = {kernel_size // 2} here: use "
            f"MaxPool2d(3, {stride}, padding=1), or an average pool",
        )  # fmt: skip
    if real.draft.kind == "image" or real.border is not None or not real.norm.is_identity:
        refuse(node, "it pools what is no output of a block", "pool behind a convolution")
    draft, size = real.draft, conv_out_size(real.size, kernel_size, stride)
    is_own = draft.kind in ("conv", "image_conv") and not draft.shortcuts
    if is_own and draft.max_pool is None and reading.grows(node.input[0], real):
        draft.max_pool, draft.size = MaxPool(kernel_size, stride), size
        return real
    pool = replace(
        _draft(node, "max", real, size), sources=(real,), kernel_size=kernel_size, stride=stride
    )
    return reading.add(pool)


def _average_pool(
    reading: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]
) -> Tensor:
    real = _real(node, inputs[0])
    kernel_size, stride, pixels = _window(node)
    if kernel_size != stride or pixels:
        refuse(
            node, f"a window of {kernel_size}, stride {stride}, padded by {pixels}",
            "average pools have a stride as long as their window here, and no pads",
        )  # fmt: skip
    if real.draft.kind == "image" or real.border is not None:
        refuse(node, "it pools what is no output of a block", "pool behind a convolution")
    if kernel_size > real.size:
        refuse(node, f"a window of {kernel_size} over a size of {real.size}", "use a smaller one")
    source = Real(real.draft, identity_norm(real.channels))
    pool = replace(
        _draft(node, "average", real, real.size // stride),
        sources=(source,), kernel_size=kernel_size, stride=stride,
    )  # fmt: skip
    # A norm of each pixel is one of their mean.
    return replace(reading.add(pool), norm=real.norm)


def _global_pool(_: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Tensor:
    real = _real(node, inputs[0])
    if node.op_type == "ReduceMean":
        given = inputs[1] if len(inputs) > 1 else None
        axes = attribute(node, "axes", []) if given is None else _constant(node, given).tolist()
        if sorted(axis % 4 for axis in axes) != [2, 3]:
            refuse(node, f"means over the axes {list(axes)}", "only those over all pixels, (2, 3)")
    if real.border is not None or real.draft.kind == "image":
        refuse(node, "it pools what is no output of a block", "pool behind a convolution")
    return Features(real)


def _flattened(_: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Tensor:
    tensor = inputs[0]
    is_plain = {
        "Flatten": lambda: attribute(node, "axis", 1) == 1,
        "Reshape": lambda: _constant(node, inputs[1]).ravel().tolist()[1:] in _rows(tensor),
        "Squeeze": lambda: True,
    }[node.op_type]()
    if not is_plain:
        refuse(node, "it makes no row of each image", "flatten with torch.flatten(x, 1)")
    if isinstance(tensor, Features):
        return tensor
    real = _real(node, tensor)
    if real.size != 1 or real.border is not None:
        refuse(
            node, f"it flattens {real.size}x{real.size} pixels",
            "the classifier reads means over all pixels: put a GlobalAveragePool before it",
        )  # fmt: skip
    return Features(real)


def _rows(tensor: Tensor | None) -> tuple[list[int], ...]:
    """What may follow the number of images in the shape of a flat tensor."""
    if isinstance(tensor, Real | Features):
        return [-1], [tensor.channels]
    return ([-1],)


def _dense(_: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Tensor:
    features = inputs[0]
    if not isinstance(features, Features):
        what = "nothing" if features is None else described(features)
        refuse(
            node, f"it reads {what}",
            "the one dense layer that is understood reads means over all pixels, and gives the "
            "logits",
        )  # fmt: skip
    weights = _constant(node, inputs[1]).astype(np.float64)
    if node.op_type == "MatMul" or not attribute(node, "transB", 0):
        weights = weights.T
    weights = weights * attribute(node, "alpha", 1.0)
    bias: NDArray[np.float64] = np.zeros(len(weights))
    if len(inputs) > 2 and inputs[2] is not None:
        given = per_channel(node, _constant(node, inputs[2]), len(weights), spatial=False)
        bias = given * attribute(node, "beta", 1.0)
    if attribute(node, "transA", 0) or weights.shape[1:] != (features.channels,):
        refuse(node, f"weights of shape {weights.shape}", "one row of channels per class is needed")
    return Logits(features, weights, bias, node.name or node.output[0])


def _same(_: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Tensor:
    if inputs[0] is None:
        refuse(node, "it reads nothing", "export the model again")
    return inputs[0]


OPERATORS: dict[str, Operator] = {
    "Add": _arithmetic,
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Conv": _conv,
    "Div": _arithmetic,
    "Dropout": _same,
    "Flatten": _flattened,
    "Gemm": _dense,
    "GlobalAveragePool": _global_pool,
    "Identity": _same,
    "LeakyRelu": _activated,
    "MatMul": _dense,
    "MaxPool": _max_pool,
    "Mul": _arithmetic,
    "PRelu": _activated,
    "Pad": _padded,
    "ReduceMean": _global_pool,
    "Relu": _activated,
    "Reshape": _flattened,
    "Squeeze": _flattened,
    "Sub": _arithmetic,
}
QONNX_OPERATORS: dict[str, Operator] = {"BipolarQuant": _sign, "Quant": _quant}
