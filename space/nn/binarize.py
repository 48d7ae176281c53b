"""Binary activations and weights with straight-through gradients.

sign(0) = +1. The gradient passes where |x| <= 1, the border included, and is 0 outside.

Activations travel as *bits*: 1.0 where the sign is -1, 0.0 where it is +1. A convolution that pads
bits with its own zeros so pads signs with +1, without a pass over the feature map, and nothing but
+1 and -1 can ever be read: sum w * sign = sum w - 2 * sum w * bit.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

INT8_MAX = 127


def binary_sign(x: Tensor) -> Tensor:
    """+1 where x >= 0, else -1."""
    signs: Tensor = _Sign.apply(x)
    return signs


def sign_bits(x: Tensor) -> Tensor:
    """1 where x < 0, else 0: (1 - sign) / 2, with that function's gradient."""
    bits: Tensor = _Bits.apply(x)
    return bits


def clipped_bits(x: Tensor) -> Tensor:
    """The bits of a real activation: (1 - x) / 2 with x clipped to [-1, 1]."""
    return (1 - x.clamp(-1, 1)) / 2


def binary_conv2d(bits: Tensor, weight: Tensor, *, stride: int) -> Tensor:
    """The convolution of the bits' signs, padded with +1 by k // 2, in the bits' type.

    bits: [images, in, size, size]; weight: [out, in, k, k], signs or multiples of them.
    """
    doubled, ones = weight * -2, weight.sum((1, 2, 3))
    padding = weight.shape[-1] // 2
    if not torch.is_autocast_enabled(bits.device.type):
        return F.conv2d(bits, doubled, ones, stride=stride, padding=padding)
    # Sums of +-2 are even: bfloat16 holds them exactly up to 512, but not when `ones` is added.
    return F.conv2d(bits, doubled, stride=stride, padding=padding) + ones.view(1, -1, 1, 1)


def full_precision(device: torch.device) -> torch.autocast:
    """Leave mixed precision, which is for binary convolutions alone: there it is nearly exact."""
    return torch.autocast(device.type, enabled=False)


def prelu(x: Tensor, slopes: Tensor) -> Tensor:
    """x where x >= 0, else slopes * x; slopes: [channels]."""
    activated: Tensor = _PReLU.apply(x, slopes)
    return activated


def int8_weights(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Integers -127..127 and a scale per output channel: weight is about integers * scale."""
    largest = weight.detach().abs().amax((1, 2, 3), keepdim=True)
    scale = torch.where(largest > 0, largest, 1.0) / INT8_MAX
    return (weight.detach() / scale).round(), scale


def rounded_to_int8(weight: Tensor) -> Tensor:
    """integers * scale of the weights, with a straight-through gradient."""
    integers, scale = int8_weights(weight)
    return weight + (integers * scale - weight).detach()


def batch_norm(norm: nn.BatchNorm2d, x: Tensor, *, gate: Tensor | None = None) -> Tensor:
    """gate * norm(x), with the norm's first channels where x has no more.

    The statistics of other channels stay as they are.
    """
    channels = x.shape[1]
    if gate is None and channels == norm.num_features:
        normalised: Tensor = norm(x)
        return normalised
    assert norm.momentum is not None
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gain, bias = norm.weight[:channels], norm.bias[:channels]
    if gate is not None:
        gain, bias = gain * gate, bias * gate
    return F.batch_norm(
        x, norm.running_mean[:channels], norm.running_var[:channels], gain, bias,
        norm.training, norm.momentum, norm.eps,
    )  # fmt: skip


class BatchNormSign(nn.BatchNorm2d):
    """A batch norm and a sign, as bits; see real.py for `is_real`."""

    is_real = False

    def bits(self, x: Tensor) -> Tensor:
        """The bits of the normalised values; x may have the first channels alone."""
        normalised = batch_norm(self, x)
        return clipped_bits(normalised) if self.is_real else sign_bits(normalised)


def _clipped(gradient: Tensor, x: Tensor) -> Tensor:
    # Kills the gradient at its limits, so the limits are the next floats beyond -1 and 1.
    limit = 1 + torch.finfo(x.dtype).eps
    clipped: Tensor = torch.ops.aten.hardtanh_backward(gradient, x, -limit, limit)
    return clipped


class _Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x < 0, -1.0, 1.0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return _clipped(gradient, x)


class _Bits(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        # Comparing into floats is one pass; a bool tensor and its cast are five times slower.
        return torch.lt(x, 0, out=torch.empty_like(x))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return _clipped(gradient, x).mul_(-0.5)


class _PReLU(torch.autograd.Function):
    """torch's own is right but spends 10 times as long in its backward pass on a CPU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slopes: Tensor) -> Tensor:
        # In x's own type, also where mixed precision would take another: so has the backward pass.
        with torch.autocast(x.device.type, enabled=False):
            ctx.save_for_backward(x, slopes)
            return F.prelu(x, slopes.to(x.dtype))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        x, slopes = ctx.saved_tensors
        positive = torch.ops.aten.threshold_backward(gradient, x, 0)
        into_x = torch.lerp(positive, gradient, slopes.to(x.dtype).view(1, -1, 1, 1))
        into_slopes = (gradient - positive).mul_(x).sum((0, 2, 3), dtype=slopes.dtype)
        return into_x, into_slopes
