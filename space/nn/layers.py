"""Blocks as modules: an operator, then the epilogue that adds shortcuts and takes signs.

Real tensors are [images, channels, size, size] in the channels_last layout; signs travel as bits
(see binarize.py). An operator of a block with weights ends in batch norm and activation: the batch
norm gives a binary convolution its scale per channel, since it undoes any other one. Real weights
of convolutions are rounded to int8 in training too: of all that freezing rounds, they moved the
predictions most.
"""

from collections.abc import Sequence, Set

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from space.blocks import (
    Activation,
    BinaryConv,
    Block,
    Classifier,
    Conv,
    MaxPool,
    Pool,
    Sum,
    halving_pool,
    is_sign,
    ports,
)

from .binarize import (
    BatchNormSign,
    batch_norm,
    binary_conv2d,
    binary_sign,
    full_precision,
    prelu,
    rounded_to_int8,
)

LATENT_STD = 0.05
PRELU_SLOPE = 0.25


class PReLU(nn.Module):
    """x where x >= 0, else slope * x, with a learned slope per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.slopes = nn.Parameter(torch.full((channels,), PRELU_SLOPE))

    def forward(self, x: Tensor) -> Tensor:
        """x may have the first channels alone."""
        return prelu(x, self.slopes[: x.shape[1]])


def activation_module(kind: Activation, channels: int) -> nn.Module:
    """The module of an activation."""
    match kind:
        case "none":
            return nn.Identity()
        case "relu":
            return nn.ReLU()
        case "prelu":
            return PReLU(channels)


def latent_weights(*shape: int) -> nn.Parameter:
    """Real weights [out, in, k, k] whose signs a binary convolution uses.

    They are not clamped: beyond +-1 the straight-through gradient is 0, so they stay near.
    """
    return nn.Parameter(_channels_last(torch.empty(shape).normal_(0, LATENT_STD)))


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


class NormActivation(nn.Module):
    """A batch norm and an activation: what turns an operator's sums into real values."""

    def __init__(self, activation: Activation, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.activation = activation_module(activation, channels)

    def forward(self, total: Tensor, gate: Tensor | None = None) -> Tensor:
        """total may have the first channels alone.

        gate: a factor above 0 of the result; all activations pass such a factor.
        """
        activated: Tensor = self.activation(batch_norm(self.norm, total, gate=gate))
        return activated

    def slopes(self) -> Tensor | None:
        """What the activation multiplies negative values with, per channel; None for 1."""
        match self.activation:
            case PReLU():
                return self.activation.slopes
            case nn.ReLU():
                return torch.zeros_like(self.norm.bias)
        return None


class BinaryConvOperator(nn.Module):
    """A binary convolution over its sources' bits, with batch norm and activation.

    See real.py for `is_real`.
    """

    is_real = False

    def __init__(self, block: BinaryConv) -> None:
        super().__init__()
        self.stride = block.stride
        self.weight = latent_weights(
            block.out_channels, sum(block.in_channels), block.kernel_size, block.kernel_size
        )
        self.affine = NormActivation(block.epilogue.activation, block.out_channels)

    def total(self, sources: Sequence[Tensor]) -> Tensor:
        """The sums of weight sign * source sign."""
        bits = torch.cat(list(sources), dim=1) if len(sources) > 1 else sources[0]
        weight = self.weight if self.is_real else binary_sign(self.weight)
        return binary_conv2d(bits, weight, stride=self.stride)

    def forward(self, sources: Sequence[Tensor]) -> Tensor:
        activated: Tensor = self.affine(self.total(sources))
        return activated


def window_pooled(x: Tensor, block: Pool) -> Tensor:
    """The pooled windows of a pool's input, without its duplicated channels."""
    if block.kind == "average":
        return F.avg_pool2d(x, block.kernel_size, block.stride)
    return max_pooled(x, block)


def halved(x: Tensor) -> Tensor:
    """Pooled to half the size [images, channels, size, size], as the shortcuts of reductions."""
    channels, size = x.shape[1], x.shape[-1]
    return window_pooled(x, halving_pool(channels, channels, channels, size))


def max_pooled(x: Tensor, window: MaxPool | Pool) -> Tensor:
    """The largest value of each window of floating point numbers [images, channels, size, size]."""
    return F.max_pool2d(x, window.kernel_size, window.stride, padding=window.kernel_size // 2)


class ConvOperator(nn.Module):
    """A convolution with real weights over a real tensor, with batch norm, activation and pool."""

    def __init__(self, block: Conv) -> None:
        super().__init__()
        self.stride = block.stride
        self.max_pool = block.max_pool
        shape = (block.out_channels, block.in_channels, block.kernel_size, block.kernel_size)
        self.weight = nn.Parameter(_channels_last(nn.init.kaiming_normal_(torch.empty(shape))))
        self.affine = NormActivation(block.epilogue.activation, block.out_channels)

    def total(
        self, sources: Sequence[Tensor], *, channels: int | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """The sums of weight * source, padded with 0; of the first channels where said so.

        The source may have the first channels alone; mask: factors of them.
        """
        kept = self.weight[:channels, : sources[0].shape[1]]
        weight = rounded_to_int8(kept if mask is None else kept * mask.view(1, -1, 1, 1))
        with full_precision(weight.device):
            return F.conv2d(sources[0], weight, stride=self.stride, padding=weight.shape[-1] // 2)

    def forward(
        self, sources: Sequence[Tensor], *, channels: int | None = None, mask: Tensor | None = None
    ) -> Tensor:
        activated: Tensor = self.affine(self.total(sources, channels=channels, mask=mask))
        return activated if self.max_pool is None else max_pooled(activated, self.max_pool)


class ImageConvOperator(nn.Module):
    """A convolution over normalised pixels, with batch norm, activation and pool.

    The image is padded with pixel value 0 before it is normalised. So the normalisation is part of
    the weights and of a constant, and integers reproduce it exactly at the border too.
    pixel_mean, pixel_std: [channels], in pixel values 0..255.
    """

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, block: Conv, pixel_mean: Tensor, pixel_std: Tensor) -> None:
        super().__init__()
        self.stride = block.stride
        self.max_pool = block.max_pool
        shape = (block.out_channels, block.in_channels, block.kernel_size, block.kernel_size)
        self.weight = nn.Parameter(_channels_last(nn.init.kaiming_normal_(torch.empty(shape))))
        self.affine = NormActivation(block.epilogue.activation, block.out_channels)
        self.register_buffer("pixel_mean", pixel_mean.detach().clone())
        self.register_buffer("pixel_std", pixel_std.detach().clone())

    def pixel_weight(self) -> Tensor:
        """The weights on raw pixels [out, in, k, k], before they are rounded."""
        return self.weight / self.pixel_std.view(1, -1, 1, 1)

    def total(self, sources: Sequence[Tensor], *, channels: int | None = None) -> Tensor:
        """The sums of weight * normalised pixel; of the first channels alone where said so."""
        weight = rounded_to_int8(self.pixel_weight()[:channels])
        padding = weight.shape[-1] // 2
        with full_precision(weight.device):
            bias = -(weight.sum((2, 3)) @ self.pixel_mean)
            total = F.conv2d(sources[0], weight, bias, stride=self.stride, padding=padding)
        return _channels_last(total)

    def forward(self, sources: Sequence[Tensor], *, channels: int | None = None) -> Tensor:
        activated: Tensor = self.affine(self.total(sources, channels=channels))
        return activated if self.max_pool is None else max_pooled(activated, self.max_pool)


class PoolOperator(nn.Module):
    """A pool that duplicates channels, or fills them with 0."""

    def __init__(self, block: Pool) -> None:
        super().__init__()
        self.block = block

    def forward(self, sources: Sequence[Tensor]) -> Tensor:
        pooled = window_pooled(sources[0], self.block)
        return duplicate_channels(pooled, self.block.out_channels, period=self.block.period)


def duplicate_channels(x: Tensor, out_channels: int, *, period: int) -> Tensor:
    """Output channel o is channel o % period of x, or 0 where x has no such channel."""
    in_channels = x.shape[1]
    if in_channels == out_channels <= period:
        return x
    if in_channels < period:
        x = F.pad(x, (0, 0, 0, 0, 0, period - in_channels))
    copies = [x[:, : min(period, out_channels - at)] for at in range(0, out_channels, period)]
    return torch.cat(copies, dim=1)


class ClassifierOperator(nn.Module):
    """Global average pool, batch norm and dense layer."""

    def __init__(self, block: Classifier) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(sum(block.in_channels))
        self.dense = nn.Linear(sum(block.in_channels), block.classes)

    def forward(self, sources: Sequence[Tensor]) -> Tensor:
        pooled = torch.cat([pooled_globally(source) for source in sources], dim=1)
        return self.classified(pooled, self.dense.weight)

    def classified(self, pooled: Tensor, weight: Tensor) -> Tensor:
        """Logits of pooled features [images, channels]; weight: the dense layer's, maybe masked."""
        with full_precision(weight.device):
            return F.linear(self.norm(pooled), weight, self.dense.bias)

    def first_features(self, pooled: Tensor, mix: Tensor | None, *, tensors: int) -> Tensor:
        """Logits of the first channels of the first of `tensors` tensors.

        pooled [images, first tensors, channels]; mix: factors of the weights [first tensors,
        channels]. The statistics of other features stay as they are.
        """
        norm = self.norm
        assert norm.momentum is not None
        assert norm.running_mean is not None
        assert norm.running_var is not None

        def first(features: Tensor) -> Tensor:
            by_tensor = features.unflatten(-1, (tensors, -1))
            kept: Tensor = by_tensor[..., : pooled.shape[1], : pooled.shape[2]]
            return kept

        views = [first(each) for each in (norm.running_mean, norm.running_var)]
        # A part of each tensor is no vector: it is copied, and what was learned copied back.
        mean, var = (view.flatten().clone() for view in views)
        weight = first(self.dense.weight)
        if mix is not None:
            weight = weight * mix
        with full_precision(pooled.device):
            normalised = F.batch_norm(
                pooled.flatten(1), mean, var,
                first(norm.weight).flatten(), first(norm.bias).flatten(),
                norm.training, norm.momentum, norm.eps,
            )  # fmt: skip
            logits = F.linear(normalised, weight.flatten(1), self.dense.bias)
        if norm.training:
            for view, learned in zip(views, (mean, var), strict=True):
                view.copy_(learned.view_as(view))
        return logits


def pooled_globally(x: Tensor) -> Tensor:
    """The means over pixels [images, channels].

    Unlike mean(), this passes its gradient back in the channels_last layout, in which all earlier
    layers run faster.
    """
    return F.avg_pool2d(x, x.shape[-1]).flatten(1)


class BlockLayer(nn.Module):
    """A block: its operator, if it has one, and its epilogue.

    Only signs in `live_ports` exist: what nothing reads costs nothing.
    """

    def __init__(self, block: Block, operator: nn.Module | None, live_ports: Set[str]) -> None:
        super().__init__()
        self.operator = operator
        live_signs = [port for port in ports(block) if is_sign(port) and port in live_ports]
        self.signs = nn.ModuleDict({port: BatchNormSign(block.out_channels) for port in live_signs})

    def sign(self, port: str) -> BatchNormSign:
        """The batch norm and sign that write a live port."""
        sign = self.signs[port]
        assert isinstance(sign, BatchNormSign)
        return sign

    def forward(
        self, sources: Sequence[Tensor], shortcuts: Sequence[Tensor], outer: Tensor | None
    ) -> dict[str, Tensor]:
        """The tensors by port: the inner value, the outer one if there is one, and live bits."""
        terms = list(shortcuts) if self.operator is None else [self.operator(sources), *shortcuts]
        written = {"inner": add_all(terms)}
        if outer is not None:
            written["outer"] = written["inner"] + outer
        for port in self.signs:
            written[port] = self.sign(port).bits(written[port.partition("_")[0]])
        return written


def add_all(terms: Sequence[Tensor]) -> Tensor:
    """The sum of one or more tensors."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def operator_module(block: Block, pixel_mean: Tensor, pixel_std: Tensor) -> nn.Module | None:
    """The operator of a block; a Sum has none."""
    match block:
        case BinaryConv():
            return BinaryConvOperator(block)
        case Conv(image=True):
            return ImageConvOperator(block, pixel_mean, pixel_std)
        case Conv():
            return ConvOperator(block)
        case Pool():
            return PoolOperator(block)
        case Classifier():
            return ClassifierOperator(block)
        case Sum():
            return None
