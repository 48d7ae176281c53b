"""Pools of foreign ONNX models, where a block computes them."""

from collections.abc import Sequence
from dataclasses import replace

import onnx

from space.blocks import MaxPool, conv_out_size
from space.floats import identity_norm

from .constants import attribute
from .reading import Reading, new_draft, real_input
from .values import Real, Tensor, refuse


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
        and not (attribute(node, "auto_pad", "NOTSET") == "VALID" and any(pads))
    )
    if not is_square or not is_plain or min(kernel[0], strides[0]) < 1:
        refuse(
            node, f"a window of {kernel}, strides {strides}, pads {pads}, dilated or rounded up",
            "square windows are understood, with equal pads, rounded down",
        )  # fmt: skip
    return kernel[0], strides[0], pads[0]


def max_pool(reading: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Tensor:
    """MaxPool: part of the convolution whose only reader this is, or a block of its own."""
    real = real_input(node, inputs[0])
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
        new_draft(node, "max", real, size), sources=(real,), kernel_size=kernel_size, stride=stride
    )
    return reading.add(pool)


def average_pool(reading: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Tensor:
    """AveragePool: a block of its own."""
    real = real_input(node, inputs[0])
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
        new_draft(node, "average", real, real.size // stride),
        sources=(source,), kernel_size=kernel_size, stride=stride,
    )  # fmt: skip
    # A norm of each pixel is one of their mean.
    return replace(reading.add(pool), norm=real.norm)
