"""What the tensors of a foreign ONNX model are to us, while its nodes are read one by one."""

from dataclasses import dataclass, field
from typing import Literal, NoReturn

import numpy as np
import onnx
from numpy.typing import NDArray

from space.blocks import MaxPool
from space.floats import Floats, Norm
from targets.errors import TargetError

Kind = Literal["image", "binary", "image_conv", "conv", "average", "max", "sum"]
CONVS = ("binary", "image_conv", "conv")


@dataclass(slots=True, eq=False)
class Draft:
    """A block to be, or the image; it grows while nodes turn out to be parts of its epilogue.

    channels, size: of what it writes. signs: norms, each followed by a sign. complements: the index
    of a sign's opposite, by its own.
    """

    name: str
    kind: Kind
    channels: int
    size: int
    sources: tuple["Real | Sign", ...] = ()
    kernel_size: int = 1
    stride: int = 1
    weights: Floats | None = None
    norm: Norm | None = None
    slopes: Floats | None = None
    max_pool: MaxPool | None = None
    shortcuts: list["Draft"] = field(default_factory=list)
    signs: list[Norm] = field(default_factory=list)
    complements: dict[int, int] = field(default_factory=dict)
    is_read: bool = False

    @property
    def takes_norm(self) -> bool:
        """Whether what it writes is still the sums of a convolution and a norm."""
        is_plain = self.slopes is None and self.max_pool is None and not self.shortcuts
        return self.kind in CONVS and is_plain

    @property
    def is_used(self) -> bool:
        return self.is_read or bool(self.signs)


@dataclass(frozen=True, slots=True, eq=False)
class Border:
    """Pixels that a Pad node added on each side: how many, and their value per channel."""

    pixels: int
    value: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Real:
    """What a draft writes, then a norm that is no part of it yet, then a border."""

    draft: Draft
    norm: Norm
    border: Border | None = None

    @property
    def channels(self) -> int:
        return self.draft.channels

    @property
    def size(self) -> int:
        return self.draft.size


@dataclass(frozen=True, slots=True, eq=False)
class Sign:
    """A sign of a draft, times a scale; the border's value is in the same units."""

    draft: Draft
    index: int
    scale: float
    border: Border | None = None

    @property
    def channels(self) -> int:
        return self.draft.channels

    @property
    def size(self) -> int:
        return self.draft.size


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """The means of a real tensor over its pixels, then its norm: [images, channels]."""

    real: Real

    @property
    def channels(self) -> int:
        return self.real.channels


@dataclass(frozen=True, slots=True, eq=False)
class Logits:
    """features @ weights.T + bias; weights are [classes, channels]."""

    features: Features
    weights: Floats
    bias: Floats
    name: str

    @property
    def channels(self) -> int:
        return len(self.bias)


Constant = NDArray[np.generic]
Tensor = Constant | Real | Sign | Features | Logits


def refuse(node: onnx.NodeProto, reason: str, remedy: str) -> NoReturn:
    """Raise TargetError about a node of the model."""
    name = node.name or (node.output[0] if node.output else "")
    raise TargetError(f"node {name!r} ({node.op_type}): {reason}; {remedy}")


def described(tensor: Tensor) -> str:
    """What a tensor is, for messages."""
    match tensor:
        case Real():
            return "a real tensor"
        case Sign():
            return "signs"
        case Features():
            return "pooled features"
        case Logits():
            return "logits"
    return "a constant"
