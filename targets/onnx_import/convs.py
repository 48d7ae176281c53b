"""Convolutions of foreign ONNX models as blocks, and the borders that these compute exactly.

A binary convolution of ours pads with +1. One that pads with 0 is two of them over a value's signs
s and their opposites, which are padded with +1 alike: w * s + (-w) * (-s) is 2 * w * s inside, and
w - w = 0 on the border. So it is a convolution over both, with twice the binary operations.
"""

import numpy as np
import onnx

from space.blocks import conv_out_size
from space.floats import Floats, Norm

from .constants import attribute
from .values import Border, Constant, Draft, Kind, Real, Sign, refuse

# What turns 0, whose sign is +1, over to the other side, and no other number.
_LEAST = float(np.finfo(np.float32).tiny)


def convolved(
    node: onnx.NodeProto, source: Real | Sign, weights: Floats, bias: Constant | None,
    *, is_image: bool,
) -> tuple[Draft, str | None]:  # fmt: skip
    """The convolution as a draft, and what a user should know of it."""
    stride = _checked_stride(node, source, weights)
    border = _border(node, source, weights.shape[-1])
    out_size = conv_out_size(source.size, weights.shape[-1], stride)
    zeros = np.zeros(len(weights))
    shift = zeros if bias is None else bias.astype(np.float64).reshape(len(weights))
    note = None
    kind: Kind = "binary"
    sources: tuple[Real | Sign, ...]
    if isinstance(source, Sign):
        sources, weights, factor, note = _binary(node, source, weights, border)
        norm = Norm(factor, zeros, shift)
    else:
        kind = "image_conv" if is_image else "conv"
        weights, constant = _scaled(node, source, weights, border)
        sources = (source,)
        norm = Norm(np.ones(len(weights)), -(shift + constant), zeros)
    draft = Draft(
        node.name or node.output[0], kind, len(weights), out_size,
        sources=sources, kernel_size=weights.shape[-1], stride=stride, weights=weights, norm=norm,
    )  # fmt: skip
    return draft, note


def _checked_stride(node: onnx.NodeProto, source: Real | Sign, weights: Floats) -> int:
    if weights.ndim != 4 or weights.shape[2] != weights.shape[3] or weights.shape[2] % 2 == 0:
        refuse(
            node, f"weights of shape {weights.shape}", "square kernels of odd size are understood"
        )
    if attribute(node, "group", 1) != 1:
        refuse(node, f"{attribute(node, 'group', 1)} groups", "convolutions have one group here")
    if weights.shape[1] != source.channels:
        refuse(
            node, f"weights for {weights.shape[1]} channels over {source.channels}",
            "export the model again",
        )  # fmt: skip
    strides = attribute(node, "strides", [1, 1])
    if len(set(strides)) != 1 or strides[0] < 1 or set(attribute(node, "dilations", [1, 1])) != {1}:
        refuse(node, f"strides {strides}, or dilations", "equal strides are understood, undilated")
    return int(strides[0])


def _border(node: onnx.NodeProto, source: Real | Sign, kernel_size: int) -> Border:
    """The border that the convolution reads: its own of zeros, or that of a Pad before it."""
    pads = attribute(node, "pads", [0, 0, 0, 0])
    auto_pad = attribute(node, "auto_pad", "NOTSET")
    is_told = auto_pad == "NOTSET" or (auto_pad == "VALID" and not any(pads))
    if not is_told or len(set(pads)) != 1:
        refuse(node, f"pads of {pads}, or auto_pad", "pad all four sides alike, in numbers")
    if pads[0] and source.border is not None and source.border.pixels:
        refuse(node, "it pads what was padded before", "pad once")
    border = source.border or Border(pads[0], np.zeros(source.channels))
    if border.pixels != kernel_size // 2:
        refuse(
            node, f"a kernel of {kernel_size} that is padded by {border.pixels}",
            f"convolutions are padded by kernel_size // 2 = {kernel_size // 2} here: train it so",
        )  # fmt: skip
    return border


def _scaled(
    node: onnx.NodeProto, source: Real, weights: Floats, border: Border
) -> tuple[Floats, Floats]:
    """Weights on what the block before stores, and what they add to every sum [out].

    Stored values are padded with 0, so the border must be what the norm makes of 0.
    """
    offset = source.norm.offset
    if border.pixels and not np.allclose(border.value, offset, rtol=0, atol=1e-6):
        refuse(
            node, f"its border of {border.value[0]:g} stands for {_before(source, border):g} in "
            "what the block before stores",
            "only 0 can be padded there: pad before the normalisation (Pad, then Sub, Div or "
            "BatchNormalization, then Conv without pads), or normalise without an offset",
        )  # fmt: skip
    return weights * source.norm.gain[:, None, None], weights.sum(axis=(2, 3)) @ offset


def _before(source: Real, border: Border) -> float:
    """The first channel's stored value of which the norm makes the border's."""
    difference = float(border.value[0] - source.norm.offset[0])
    gain = float(source.norm.gain[0])
    return difference / gain if gain else 0.0


def _binary(
    node: onnx.NodeProto, source: Sign, weights: Floats, border: Border
) -> tuple[tuple[Sign, ...], Floats, Floats, str | None]:
    """Sources, signs of the weights, the factor of their sums [out], and a note."""
    sizes = np.abs(weights).reshape(len(weights), -1)
    scale = sizes.max(axis=1)
    if not scale.all() or not np.allclose(sizes, scale[:, None], rtol=1e-6, atol=0):
        refuse(
            node, "weights over signs that are not of one size per channel",
            "convolutions over signs have bipolar weights (BipolarQuant)",
        )  # fmt: skip
    signs, factor = np.sign(weights), scale * source.scale
    values = set((border.value / source.scale).tolist()) if border.pixels else {1.0}
    if values == {1.0}:
        return (source,), signs, factor, None
    if values != {0.0}:
        refuse(
            node, f"signs that are padded with {sorted(values)[:4]}",
            "+1 is exact, and 0 at twice the cost",
        )  # fmt: skip
    name = node.name or node.output[0]
    note = (
        f"node {name!r} (Conv): it pads signs with 0, which is no sign: it is computed exactly, "
        "with twice the binary operations; train with a border of +1 to save them"
    )
    opposite = Sign(source.draft, _complement(source), source.scale)
    both = np.concatenate([signs, -signs], axis=1)
    return (source, opposite), both, factor / 2, note


def _complement(sign: Sign) -> int:
    """The index of the sign's opposite, which its draft writes from now on."""
    draft = sign.draft
    if sign.index not in draft.complements:
        norm = draft.signs[sign.index]
        draft.signs.append(Norm(-norm.gain, norm.mean, -norm.bias - _LEAST))
        draft.complements[sign.index] = len(draft.signs) - 1
    return draft.complements[sign.index]
