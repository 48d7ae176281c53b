"""Constants of a foreign ONNX model: attributes, quantised weights, and nodes that fold to one."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from targets.onnx_blocks import QONNX_DOMAIN

from .values import Constant, refuse

# What exporters leave around weights and pads. Some make much of little: see _made_numbers.
_BROADCASTING = frozenset({"Add", "BipolarQuant", "Div", "Mul", "Quant", "Sub"})
_FOLDABLE = frozenset({
    "Add", "Cast", "Concat", "ConstantOfShape", "Div", "Identity", "Mul", "Neg", "Reshape", "Slice",
    "Squeeze", "Sub", "Transpose", "Unsqueeze",
})  # fmt: skip
_MOST_FILLED = 1000
# Of a constant: the weights of a 3x3 convolution from 1365 channels to as many.
_MOST_NUMBERS = 1 << 24

_ROUNDINGS = {
    "ROUND": np.rint,
    "HALF_EVEN": np.rint,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
}


def attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    """The value of a node's attribute; a text is a str."""
    for each in node.attribute:
        if each.name == name:
            value = helper.get_attribute_value(each)
            return value.decode(errors="replace") if isinstance(value, bytes) else value
    return default


def folded(
    node: onnx.NodeProto, inputs: Sequence[Constant | None], *, opset: int
) -> Constant | None:
    """What a node makes of constants; None where it is none that folds."""
    made = _made_numbers(node, [each for each in inputs if each is not None])
    if made > _MOST_NUMBERS:
        refuse(node, f"a constant of {made} numbers", f"at most {_MOST_NUMBERS} are understood")
    if node.domain == QONNX_DOMAIN and node.op_type == "BipolarQuant":
        data, scale = (np.asarray(each, np.float64) for each in inputs if each is not None)
        return np.where(data >= 0, scale, -scale)
    if node.domain == QONNX_DOMAIN and node.op_type == "Quant":
        return _quantized(node, [np.asarray(each, np.float64) for each in inputs])
    if node.domain or node.op_type not in _FOLDABLE:
        return None
    if node.op_type == "ConstantOfShape" and np.prod(np.asarray(inputs[0])) > _MOST_FILLED:
        return None
    return _evaluated(node, inputs, opset=opset)


def _made_numbers(node: onnx.NodeProto, inputs: Sequence[Constant]) -> int:
    """How many numbers a node makes of constants, where that may be more than it reads."""
    if node.op_type in _BROADCASTING:
        return math.prod(np.broadcast_shapes(*(each.shape for each in inputs)))
    return sum(each.size for each in inputs) if node.op_type == "Concat" else 0


def _evaluated(node: onnx.NodeProto, inputs: Sequence[Constant | None], *, opset: int) -> Constant:
    named = {
        name: array for name, array in zip(node.input, inputs, strict=True) if array is not None
    }
    infos = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), None)
        for name, array in named.items()
    ]
    output = helper.make_tensor_value_info(node.output[0], TensorProto.UNDEFINED, None)
    graph = helper.make_graph([node], "folded", infos, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    try:
        found: Any = ReferenceEvaluator(model).run(None, named)
    except Exception as error:  # numpy's, or the evaluator's own
        refuse(node, f"its constant cannot be computed ({error})", "export the model again")
    return np.asarray(found[0])


def constant_of(node: onnx.NodeProto) -> Constant:
    """The array of a Constant node."""
    for each in node.attribute:
        if each.name == "value":
            found: Constant = numpy_helper.to_array(each.t)
            return found
        if each.name in ("value_float", "value_int", "value_floats", "value_ints"):
            value = helper.get_attribute_value(each)
            return np.array(value, np.float32 if "float" in each.name else np.int64)
    return refuse(node, "its value is no tensor of numbers", "export the model again")


def quant_range(node: onnx.NodeProto, bits: float) -> tuple[float, float]:
    """The least and the greatest integer of a Quant node."""
    is_narrow = bool(attribute(node, "narrow", 0))
    if attribute(node, "signed", 1):
        if bits == 1:  # qonnx's own, unlike its formula, gives -1 and 1
            refuse(node, "signed integers of 1 bit", "use BipolarQuant")
        return -(2 ** (bits - 1)) + is_narrow, 2 ** (bits - 1) - 1
    return 0, 2**bits - 1 - is_narrow


def _quantized(node: onnx.NodeProto, inputs: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    data, scale, zero_point, bits = inputs
    rounding = str(attribute(node, "rounding_mode", "ROUND")).upper()
    if rounding not in _ROUNDINGS:
        refuse(node, f"rounding_mode {rounding}", f"use one of {', '.join(_ROUNDINGS)}")
    if bits.size != 1 or not 1 <= bits.item() <= 32:
        refuse(node, f"bit widths {bits.ravel()[:4].tolist()}", "use one of 1 to 32 for all")
    low, high = quant_range(node, bits.item())
    integers = _ROUNDINGS[rounding](np.clip(data / scale + zero_point, low, high))
    found: NDArray[np.float64] = (integers - zero_point) * scale
    return found


def per_channel(
    node: onnx.NodeProto, values: Constant, channels: int, *, spatial: bool
) -> NDArray[np.float64]:
    """A constant beside [images, channels, size, size], or [images, channels], as [channels].

    Refused where it is not one number per channel, or one for all.
    """
    array = values.astype(np.float64)
    if array.size == 1:
        return np.full(channels, array.item())
    shape = (channels, 1, 1) if spatial else (channels,)
    if array.shape not in (shape, (1, *shape)):
        refuse(
            node, f"a constant of shape {array.shape} beside {channels} channels",
            f"one number, or one per channel {shape} is understood",
        )  # fmt: skip
    return array.reshape(channels)
