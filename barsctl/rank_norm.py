"""Batch norms over the parts of a batch that several processes hold: as if one held it all.

torch.nn.SyncBatchNorm does the same on GPUs alone, and in modules of its own.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from .ranks import own_ranks, sum_over_ranks


def norms_over_ranks() -> AbstractContextManager[object]:
    """Return a context in which training batch norms take the statistics of all processes."""
    return nullcontext() if own_ranks().size == 1 else _NormsOverRanks()


class _NormsOverRanks(TorchFunctionMode):
    """Every F.batch_norm, also those of torch's modules, is the one below."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        chosen = batch_norm if func is F.batch_norm else func
        return chosen(*args, **(kwargs or {}))


def batch_norm(
    x: Tensor, running_mean: Tensor, running_var: Tensor, weight: Tensor, bias: Tensor,
    training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """F.batch_norm of an affine norm, with the statistics of all processes in training."""
    if not training:
        return F.batch_norm(x, running_mean, running_var, weight, bias, eps=eps)
    count, mean, variance = _statistics(x.detach())
    with torch.no_grad():
        running_mean.lerp_(mean.to(running_mean), momentum)
        running_var.lerp_((variance * (count / (count - 1))).to(running_var), momentum)
    normalised: Tensor = _Normalise.apply(x, weight, bias, mean, (variance + eps).rsqrt(), count)
    return normalised


def _statistics(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Values per channel, their mean and variance, over all processes; float64."""
    variance, mean = torch.var_mean(_wide(x), _all_but_channels(x), correction=0)
    mean, variance = mean.double(), variance.double()
    # In float64 the square of a mean leaves enough of a variance far below it.
    sums = torch.stack([torch.ones_like(mean), mean, variance + mean.square()])
    count, total, squares = sum_over_ranks(sums * (x.numel() // x.shape[1])).unbind()
    mean = total / count
    return count, mean, squares / count - mean.square()


class _Normalise(torch.autograd.Function):
    """(x - mean) * inverse * weight + bias; mean and inverse deviation depend on all x."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, inverse: Tensor,
        count: Tensor,
    ) -> Tensor:  # fmt: skip
        ctx.save_for_backward(x, weight, mean, inverse, count)
        scale = weight * inverse
        shift = bias - mean * scale
        return torch.addcmul(_along(shift, x), _wide(x), _along(scale, x)).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, inverse, count = ctx.saved_tensors
        normalised = (_wide(x) - _along(mean, x)) * _along(inverse, x)
        gradient = _wide(gradient)
        dims = _all_but_channels(x)
        into_bias, into_weight = gradient.sum(dims), (gradient * normalised).sum(dims)
        sums = sum_over_ranks(torch.stack([into_bias, into_weight]).double()) / count
        own = gradient - _along(sums[0], x) - normalised * _along(sums[1], x)
        into_x = (own * _along(weight * inverse, x)).to(x.dtype)
        return into_x, into_weight.to(weight), into_bias.to(weight), None, None, None


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _all_but_channels(x: Tensor) -> list[int]:
    return [dim for dim in range(x.dim()) if dim != 1]


def _along(channels: Tensor, x: Tensor) -> Tensor:
    """Values per channel in a shape that goes with x, in the type that it is computed in."""
    return channels.to(torch.promote_types(x.dtype, torch.float32)).view(
        1, -1, *[1] * (x.dim() - 2)
    )
