"""The operators of foreign ONNX models that are understood, by name."""

from collections.abc import Sequence

import numpy as np
import onnx

from .convs import convolved
from .epilogues import activated, arithmetic, batch_norm
from .head import dense, flattened, global_pool
from .pools import average_pool, max_pool
from .reading import Operator, Reading, constant_input
from .signs import padded, quant, sign
from .values import Real, Sign, Tensor, refuse


def _conv(reading: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Tensor:
    weights = constant_input(node, inputs[1]).astype(np.float64)
    bias = None if len(inputs) < 3 or inputs[2] is None else constant_input(node, inputs[2])
    source = inputs[0]
    if not isinstance(source, Real | Sign):
        refuse(node, "it reads neither signs nor a real tensor", "no block of ours does this")
    is_image = source.draft is reading.drafts[0]
    draft, note = convolved(node, source, weights, bias, is_image=is_image)
    if note:
        reading.notes.append(note)
    return reading.add(draft)


def _same(_: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Tensor:
    if inputs[0] is None:
        refuse(node, "it reads nothing", "export the model again")
    return inputs[0]


OPERATORS: dict[str, Operator] = {
    "Add": arithmetic,
    "AveragePool": average_pool,
    "BatchNormalization": batch_norm,
    "Conv": _conv,
    "Div": arithmetic,
    "Dropout": _same,
    "Flatten": flattened,
    "Gemm": dense,
    "GlobalAveragePool": global_pool,
    "Identity": _same,
    "LeakyRelu": activated,
    "MatMul": dense,
    "MaxPool": max_pool,
    "Mul": arithmetic,
    "PRelu": activated,
    "Pad": padded,
    "ReduceMean": global_pool,
    "Relu": activated,
    "Reshape": flattened,
    "Squeeze": flattened,
    "Sub": arithmetic,
}
QONNX_OPERATORS: dict[str, Operator] = {"BipolarQuant": sign, "Quant": quant}
