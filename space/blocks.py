"""Blocks: the units that a network is made of, trained as, priced by and compiled to.

A block is an operator with its epilogue: everything one kernel does between reading its sources and
writing its outputs. It knows shapes and nothing about torch, TVM or time. Sizes are the height and
width of square tensors.
"""

from dataclasses import dataclass
from typing import Literal

from .errors import SpaceError

Activation = Literal["none", "relu", "prelu"]
PoolKind = Literal["average", "max"]


@dataclass(frozen=True, slots=True)
class Epilogue:
    """What happens to an operator's sum, in this order.

    inner = max_pool(activation(scale * sum + bias)) + shortcut_1 + ... + shortcut_n
    outer = inner + outer shortcut (only where `outer`)

    Scale and bias are per channel (a folded batch norm). Only a Conv may have a max pool. Blocks
    without weights (Sum, Pool) have no scale, bias or activation. Each sign is a batch norm and a
    sign of its own on the inner or the outer value, stored as packed bits.
    """

    activation: Activation = "none"
    shortcuts: int = 0
    inner_stored: bool = True
    inner_signs: int = 0
    outer: bool = False
    outer_signs: int = 0

    def __post_init__(self) -> None:
        if min(self.shortcuts, self.inner_signs, self.outer_signs) < 0:
            raise SpaceError(f"{self}: counts of shortcuts and signs must not be negative")
        if self.outer_signs and not self.outer:
            raise SpaceError(f"{self}: outer_signs need outer=True")
        if not self.ports:
            raise SpaceError(f"{self}: writes nothing; store it, sign it or give it an outer value")

    @property
    def ports(self) -> tuple[str, ...]:
        """Names of the tensors written, in the order in which kernels write them."""
        inner = ("inner",) if self.inner_stored else ()
        inner_signs = tuple(f"inner_sign{i}" for i in range(self.inner_signs))
        outer = ("outer",) if self.outer else ()
        outer_signs = tuple(f"outer_sign{i}" for i in range(self.outer_signs))
        return inner + inner_signs + outer + outer_signs


def is_sign(port: str) -> bool:
    """Whether a port carries packed bits."""
    return "_sign" in port


def _require_positive(block: object, **sizes: int) -> None:
    for name, value in sizes.items():
        if value < 1:
            raise SpaceError(f"{block}: {name}={value} must be at least 1")


def conv_out_size(in_size: int, kernel_size: int, stride: int) -> int:
    """Size after a window that is padded by kernel_size // 2."""
    return (in_size + 2 * (kernel_size // 2) - kernel_size) // stride + 1


def _check_conv(block: "BinaryConv | Conv", *, in_channels: int) -> None:
    _require_positive(
        block, in_channels=in_channels, out_channels=block.out_channels,
        kernel_size=block.kernel_size, stride=block.stride, in_size=block.in_size,
    )  # fmt: skip
    if block.kernel_size % 2 == 0:
        raise SpaceError(f"{block}: kernel_size={block.kernel_size} must be odd")


@dataclass(frozen=True, slots=True)
class BinaryConv:
    """A binary convolution over concatenated packed sources, padded with +1 by kernel_size // 2."""

    in_channels: tuple[int, ...]
    out_channels: int
    kernel_size: int
    stride: int
    in_size: int
    epilogue: Epilogue

    def __post_init__(self) -> None:
        if not self.in_channels:
            raise SpaceError(f"{self}: a binary convolution needs at least one source")
        _check_conv(self, in_channels=min(self.in_channels))

    @property
    def out_size(self) -> int:
        return conv_out_size(self.in_size, self.kernel_size, self.stride)

    @property
    def reduction(self) -> int:
        """Terms of one output sum: K in dot = K - 2 * popcount."""
        return sum(self.in_channels) * self.kernel_size**2


@dataclass(frozen=True, slots=True)
class MaxPool:
    """The largest value of each window, padded by kernel_size // 2 with values that never win."""

    kernel_size: int
    stride: int

    def __post_init__(self) -> None:
        _require_positive(self, kernel_size=self.kernel_size, stride=self.stride)


@dataclass(frozen=True, slots=True)
class Conv:
    """A convolution with real weights (int8 once frozen), padded with 0 by kernel_size // 2.

    Reads the uint8 image (`image`), padded with pixel value 0, or one real tensor. Its activated
    values are pooled (`max_pool`) before its shortcuts are added and its signs taken.
    """

    in_channels: int
    out_channels: int
    kernel_size: int
    stride: int
    in_size: int
    image: bool
    epilogue: Epilogue
    max_pool: MaxPool | None = None

    def __post_init__(self) -> None:
        _check_conv(self, in_channels=self.in_channels)

    @property
    def conv_size(self) -> int:
        """Size of the convolution itself, before its pool."""
        return conv_out_size(self.in_size, self.kernel_size, self.stride)

    @property
    def out_size(self) -> int:
        if self.max_pool is None:
            return self.conv_size
        return conv_out_size(self.conv_size, self.max_pool.kernel_size, self.max_pool.stride)

    @property
    def reduction(self) -> int:
        """Terms of one output sum."""
        return self.in_channels * self.kernel_size**2


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum of its shortcuts; no operator of its own."""

    channels: int
    size: int
    epilogue: Epilogue

    def __post_init__(self) -> None:
        _require_positive(self, channels=self.channels, size=self.size)
        if self.epilogue.shortcuts < 1:
            raise SpaceError(f"{self}: a sum needs at least one shortcut")
        if self.epilogue.activation != "none":
            raise SpaceError(f"{self}: a sum has no activation")

    @property
    def out_channels(self) -> int:
        return self.channels

    @property
    def out_size(self) -> int:
        return self.size


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool over one real tensor that also duplicates channels.

    Output channel o is the pooled input channel o % period, or 0 where that is not below
    in_channels. An average pool has no padding (kernel_size = stride); a max pool is padded by
    kernel_size // 2 with values that never win. Graphs of format 1 have one behind the stem, where
    a Conv has its own today.
    """

    kind: PoolKind
    in_channels: int
    out_channels: int
    period: int
    kernel_size: int
    stride: int
    in_size: int
    epilogue: Epilogue

    def __post_init__(self) -> None:
        _require_positive(
            self, in_channels=self.in_channels, out_channels=self.out_channels, period=self.period,
            kernel_size=self.kernel_size, stride=self.stride, in_size=self.in_size,
        )  # fmt: skip
        if self.kind == "average" and self.kernel_size != self.stride:
            raise SpaceError(f"{self}: an average pool needs kernel_size = stride")
        if self.epilogue.activation != "none":
            raise SpaceError(f"{self}: a pool has no activation")

    @property
    def out_size(self) -> int:
        if self.kind == "average":
            return self.in_size // self.stride
        return conv_out_size(self.in_size, self.kernel_size, self.stride)


def halving_pool(in_channels: int, out_channels: int, period: int, in_size: int) -> Pool:
    """A pool that halves a size: a 2x2 average; of an odd one, which it rounds up, a 3x3 max."""
    if in_size % 2 == 0:
        return Pool("average", in_channels, out_channels, period, 2, 2, in_size, Epilogue())
    return Pool("max", in_channels, out_channels, period, 3, 2, in_size, Epilogue())


@dataclass(frozen=True, slots=True)
class Classifier:
    """Global average pool over the concatenated real sources, then a dense layer to the logits."""

    in_channels: tuple[int, ...]
    classes: int
    in_size: int

    def __post_init__(self) -> None:
        if not self.in_channels:
            raise SpaceError(f"{self}: a classifier needs at least one source")
        _require_positive(
            self, in_channels=min(self.in_channels), classes=self.classes, in_size=self.in_size
        )

    @property
    def out_channels(self) -> int:
        return self.classes

    @property
    def out_size(self) -> int:
        return 1


Block = BinaryConv | Conv | Sum | Pool | Classifier


def ports(block: Block) -> tuple[str, ...]:
    """Names of the tensors that a block writes, in the order in which kernels write them."""
    return ("logits",) if isinstance(block, Classifier) else block.epilogue.ports
