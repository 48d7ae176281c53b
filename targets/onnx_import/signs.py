"""Nodes of quantised activations: signs, what pads them, and finer roundings."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import onnx

from .constants import attribute, quant_range
from .reading import Reading, constant_input, real_input
from .values import Border, Real, Sign, Tensor, refuse

_LEAST_BITS = 8


def sign(_: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Tensor:
    """BipolarQuant of a real tensor."""
    real = real_input(node, inputs[0])
    scale = constant_input(node, inputs[1]).astype(np.float64)
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


def quant(reading: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Tensor:
    """A rounding that is finer than what our own integers would lose, passed over."""
    bits = constant_input(node, inputs[3]).astype(np.float64)
    if bits.size != 1 or bits.item() < _LEAST_BITS:
        refuse(
            node, f"activations of {bits.ravel()[:4].tolist()} bits",
            f"1 bit (BipolarQuant) or {_LEAST_BITS} and more are understood",
        )  # fmt: skip
    real = real_input(node, inputs[0])
    low, _ = quant_range(node, bits.item())
    if low == 0 and not _is_positive(real):
        refuse(node, "unsigned activations of what may be below 0", "put it directly behind a Relu")
    reading.notes.append(
        f"node {node.name!r} (Quant): its {bits.item():g} bits, and where it clips, are not "
        "reproduced, real values have 16 bits here"
    )
    return real


def _is_positive(real: Real) -> bool:
    """Whether no value is below 0, as of the image or behind a Relu."""
    draft, norm, border = real.draft, real.norm, real.border
    if border is not None and (border.value < 0).any():
        return False
    if draft.kind == "image":
        return bool((norm.gain >= 0).all() and (norm.offset >= 0).all())
    is_relu = draft.slopes is not None and not draft.slopes.any()
    return is_relu and norm.is_identity and not draft.shortcuts


def padded(_: Reading, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> Tensor:
    """Pad with a constant, the border of a convolution that follows."""
    source = inputs[0]
    if not isinstance(source, Real | Sign) or source.border is not None:
        refuse(node, "it pads what cannot be padded, or twice", "pad once, before a convolution")
    pads = constant_input(node, inputs[1]).ravel().tolist()
    pixels = pads[2] if len(pads) == 8 else 0
    axes = inputs[3] if len(inputs) > 3 else None
    if attribute(node, "mode", "constant") != "constant" or axes is not None:
        refuse(node, "it does not pad with a constant on all axes", "pad with a constant")
    if pads != [0, 0, pixels, pixels] * 2 or pixels < 0:
        refuse(node, f"pads of {pads}", "pad all four sides alike, and nothing else")
    if pixels == 0:
        return source
    given = inputs[2] if len(inputs) > 2 else None
    value = 0.0 if given is None else constant_input(node, given).astype(np.float64).item()
    return replace(source, border=Border(pixels, np.full(source.channels, value)))
