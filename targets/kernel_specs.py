"""Kernel specs: what a block becomes on a device, and the order of its kernel's parameters.

Profiling measures specs, tables are keyed by them, the compiler emits them. A spec holds shapes
only; every number that training finds is an argument.
"""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from space.blocks import BinaryConv, Block, Classifier, Conv, Pool, Sum, is_sign, ports
from space.frozen import FrozenBlock, FrozenClassifier, Requantize, Threshold

from . import layouts
from .errors import TargetError

Role = Literal["source", "shortcut", "outer", "constant", "scratch", "output"]
Constants = dict[str, NDArray[np.generic]]
_KINDS: dict[type, str] = {
    BinaryConv: "binary_conv", Conv: "conv", Sum: "sum", Pool: "pool", Classifier: "classifier",
}  # fmt: skip
# A Conv over a real tensor reads its int8 values plus 128: one kernel of uint8 serves images too.
REAL_ZERO = 128


@dataclass(frozen=True, slots=True)
class KernelSpec:
    """One kernel: a block in the normal form of `kernel_specs`."""

    block: Block

    @property
    def key(self) -> str:
        """The spec as text; two specs have one key if and only if they are equal."""
        fields = asdict(self.block)
        fields |= fields.pop("epilogue", {})
        return f"{_KINDS[type(self.block)]}({','.join(_words(fields.items()))})"

    @property
    def symbol(self) -> str:
        """The name of the kernel's function: a word of C that depends on the key alone."""
        digest = sha256(self.key.encode()).hexdigest()[:16]
        return f"{_KINDS[type(self.block)]}_{digest}"


def _words(fields: Iterable[tuple[str, object]]) -> list[str]:
    texts = {True: "1", False: "0"}
    return [
        f"{name}={'+'.join(map(str, value))}" if isinstance(value, tuple)
        else f"{name}={texts[value] if isinstance(value, bool) else value}"
        for name, value in fields
    ]  # fmt: skip


def kernel_specs(block: Block) -> tuple[KernelSpec, ...]:
    """The kernels that compute a block, in order: one today.

    A relu is a prelu whose negative multiplier is 0, so that both share a kernel.
    """
    if isinstance(block, BinaryConv | Conv) and block.epilogue.activation == "relu":
        block = replace(block, epilogue=replace(block.epilogue, activation="prelu"))
    return (KernelSpec(block),)


@dataclass(frozen=True, slots=True)
class Argument:
    """A parameter of a kernel: a pointer to an array of this shape, C order, 64-byte aligned."""

    name: str
    role: Role
    shape: tuple[int, ...]
    dtype: str

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        return self.count * np.dtype(self.dtype).itemsize


def arguments(spec: KernelSpec) -> tuple[Argument, ...]:
    """The parameters of a spec's kernel in order.

    Sources, shortcuts, the outer shortcut, constants, scratch, outputs (in the order of `ports`).
    The scratch of a kernel holds nothing between two calls; outputs overlap no other argument.
    """
    block = spec.block
    return (*_sources(block), *_added(block), *_constants(block), *_scratch(block),
            *_outputs(block))  # fmt: skip


def real(name: str, role: Role, *, channels: int, size: int) -> Argument:
    """A real tensor: int16 [size, size, padded channels]."""
    return Argument(name, role, (size, size, layouts.padded_channels(channels)), "int16")


def bits(name: str, role: Role, *, channels: int, size: int) -> Argument:
    """A sign tensor: uint32 [size, size, words]."""
    return Argument(name, role, (size, size, layouts.words(channels)), "uint32")


def _sources(block: Block) -> tuple[Argument, ...]:
    match block:
        case Conv(image=True):
            shape = (block.in_size, block.in_size, block.in_channels)
            return (Argument("source0", "source", shape, "uint8"),)
        case Conv() | Pool():
            return (real("source0", "source", channels=block.in_channels, size=block.in_size),)
        case Sum():
            return ()
    make = bits if isinstance(block, BinaryConv) else real
    return tuple(
        make(f"source{i}", "source", channels=channels, size=block.in_size)
        for i, channels in enumerate(block.in_channels)
    )


def _added(block: Block) -> tuple[Argument, ...]:
    if isinstance(block, Classifier):
        return ()
    channels, size = block.out_channels, block.out_size
    added = [
        real(f"shortcut{i}", "shortcut", channels=channels, size=size)
        for i in range(block.epilogue.shortcuts)
    ]
    if block.epilogue.outer:
        added.append(real("outer_shortcut", "outer", channels=channels, size=size))
    return tuple(added)


def _constant(name: str, count: int, dtype: str) -> Argument:
    return Argument(name, "constant", (count,), dtype)


def _constants(block: Block) -> tuple[Argument, ...]:
    if isinstance(block, Classifier):
        classes = layouts.padded_channels(block.classes)
        return (
            _constant("weights", _padded_sum(block.in_channels) * classes, "int8"),
            _constant("bias", classes, "int32"),
            _constant("feature_shift", 1, "int32"),
        )
    channels = layouts.padded_channels(block.out_channels)
    compares_counts = isinstance(block, BinaryConv) and signs_compare_counts(block)
    found: list[Argument] = []
    if isinstance(block, BinaryConv | Conv):
        found.append(_weights(block))
        found += [] if compares_counts else _requantize(block, channels)
    for port in filter(is_sign, ports(block)):
        dtype = "int32" if compares_counts else "int16"
        found.append(_constant(f"{port}_threshold", channels, dtype))
        found.append(_constant(f"{port}_flip", layouts.words(channels), "uint32"))
    return tuple(found)


def signs_compare_counts(block: BinaryConv) -> bool:
    """Whether a block writes nothing but signs of its sum.

    Scale and offset are monotonic, so such a sign is a threshold on the number of differing bits,
    and nothing needs to be multiplied.
    """
    epilogue = block.epilogue
    is_read = epilogue.inner_stored or epilogue.outer or epilogue.shortcuts > 0
    return epilogue.activation == "none" and not is_read


def _weights(block: BinaryConv | Conv) -> Argument:
    channels = layouts.padded_channels(block.out_channels)
    if isinstance(block, BinaryConv):
        words = sum(map(layouts.words, block.in_channels))
        return _constant("weights", block.kernel_size**2 * words * channels, "uint32")
    taps = block.kernel_size * layouts.conv_taps(block.in_channels, block.kernel_size)
    return _constant("weights", taps * channels, "int8")


def _requantize(block: BinaryConv | Conv, channels: int) -> list[Argument]:
    names = ["multiplier", "offset"]
    if block.epilogue.activation != "none":
        names += ["negative_multiplier", "negative_offset"]
    found = [_constant(name, channels, "int32") for name in names]
    found.append(_constant("shift", 1, "int32"))
    if isinstance(block, Conv) and not block.image:
        found.append(_constant("input_shift", 1, "int32"))
    return found


def _padded_sum(channels: tuple[int, ...]) -> int:
    return sum(map(layouts.padded_channels, channels))


def _scratch(block: Block) -> tuple[Argument, ...]:
    """Padded copies of the sources; the features of a classifier."""
    if isinstance(block, Classifier):
        return (Argument("scratch", "scratch", (_padded_sum(block.in_channels),), "int16"),)
    if isinstance(block, BinaryConv) and block.kernel_size > 1:
        size = block.in_size + 2 * (block.kernel_size // 2)
        words = sum(map(layouts.words, block.in_channels))
        return (Argument("scratch", "scratch", (size, size, words), "uint32"),)
    if isinstance(block, Conv):
        size, _ = conv_scratch_grid(block)
        count = size * size * block.in_channels
        # The last pixel's taps are read in groups of 4, up to 3 bytes past the end.
        return (Argument("scratch", "scratch", (layouts.conv_taps(count, 1) + 4,), "uint8"),)
    return ()


def conv_scratch_grid(block: Conv) -> tuple[int, int]:
    """(size, stride) of the padded copy that a Conv reads: a 1x1 kernel copies what it needs."""
    if block.kernel_size == 1:
        return block.out_size, 1
    return block.in_size + 2 * (block.kernel_size // 2), block.stride


def _outputs(block: Block) -> tuple[Argument, ...]:
    if isinstance(block, Classifier):
        return (Argument("logits", "output", (block.classes,), "int32"),)
    return tuple(
        (bits if is_sign(port) else real)(
            port, "output", channels=block.out_channels, size=block.out_size
        )
        for port in ports(block)
    )


def constants(spec: KernelSpec, frozen: FrozenBlock) -> Constants:
    """The spec's constant arguments by name, in the kernel's layouts, from a block's integers.

    Raises TargetError where integers that the block needs are missing or of another shape.
    """
    found = _constant_values(spec.block, frozen)
    for argument in arguments(spec):
        if argument.role == "constant" and (
            argument.name not in found or found[argument.name].shape != argument.shape
        ):
            raise TargetError(
                f"{spec.key}: frozen integers give no {argument.name} of shape {argument.shape}; "
                f"freeze the network that this block is part of"
            )
    return {name: np.ascontiguousarray(array) for name, array in found.items()}


def _constant_values(block: Block, frozen: FrozenBlock) -> Constants:
    found: Constants = {}
    if isinstance(block, Classifier) and frozen.classifier is not None:
        return _classifier_values(block, frozen.classifier)
    if isinstance(block, BinaryConv | Conv):
        if frozen.weights is None or frozen.requantize is None:
            return {}
        if isinstance(block, BinaryConv) and signs_compare_counts(block):
            return _counting_values(block, frozen, frozen.weights, requantize=frozen.requantize)
        found |= _conv_values(block, frozen.weights, requantize=frozen.requantize)
    if isinstance(block, Conv) and not block.image:
        found["input_shift"] = np.array([frozen.input_shift], np.int32)
    for name, signs in (("inner", frozen.inner_signs), ("outer", frozen.outer_signs)):
        for i, sign in enumerate(signs):
            found |= _sign_values(f"{name}_sign{i}", sign.threshold, sign.flip)
    return found


def _classifier_values(block: Classifier, frozen: FrozenClassifier) -> Constants:
    classes = layouts.padded_channels(block.classes)
    return {
        "weights": layouts.classifier_weights(frozen.weights, block.in_channels).ravel(),
        "bias": layouts.pad_last(frozen.bias.astype(np.int32), classes),
        "feature_shift": np.array([frozen.feature_shift], np.int32),
    }


def _counting_values(
    block: BinaryConv, frozen: FrozenBlock, weights: NDArray[np.int8], *, requantize: Requantize
) -> Constants:
    """Weights, and thresholds on counts."""
    found: Constants = {"weights": layouts.binary_weights(weights, block.in_channels)}
    for i, sign in enumerate(frozen.inner_signs):
        threshold, flip = count_threshold(sign, requantize, terms=block.reduction)
        found |= _sign_values(f"inner_sign{i}", threshold, flip)
    return found


def count_threshold(
    sign: Threshold, requantize: Requantize, *, terms: int
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return threshold and flip on the number of differing bits that give the same sign.

    terms: of the sum, which is terms - 2 * count. The bits over all counts are those of a monotonic
    function: one value up to some count, the other value from there on.
    """
    totals = terms - 2 * np.arange(terms + 1, dtype=np.int64)[:, None]
    values = totals * requantize.multiplier.astype(np.int64) + requantize.offset
    limits = np.iinfo(np.int16)
    below = np.clip(values >> requantize.shift, limits.min, limits.max) < sign.threshold
    # Where the first count's bit is not set, the comparison is turned round.
    first = below[0]
    return (below == first).sum(axis=0).astype(np.int32), sign.flip ^ ~first


def _conv_values(
    block: BinaryConv | Conv, weights: NDArray[np.int8], *, requantize: Requantize
) -> Constants:
    """Weights, and multipliers of what the kernel counts instead of `total`: total = a * n + b."""
    shift = np.array([requantize.shift], np.int32)
    sums: NDArray[np.int64] = np.sum(weights, axis=(1, 2, 3), dtype=np.int64)
    packed: NDArray[np.uint32] | NDArray[np.int8]
    if isinstance(block, BinaryConv):
        packed = layouts.binary_weights(weights, block.in_channels)
        a, b = -2, np.full_like(sums, block.reduction)
    else:
        packed = layouts.conv_weights(weights)
        a, b = 1, np.zeros_like(sums) if block.image else -REAL_ZERO * sums
    found: Constants = {"weights": packed, "shift": shift}
    found |= _affine("", requantize.multiplier, requantize.offset, a=a, b=b)
    if requantize.negative_multiplier is not None and requantize.negative_offset is not None:
        negative = (requantize.negative_multiplier, requantize.negative_offset)
        found |= _affine("negative_", *negative, a=a, b=b)
    return found


def _affine(
    prefix: str, multiplier: NDArray[np.int32], offset: NDArray[np.int32], *, a: int,
    b: NDArray[np.int64],
) -> Constants:  # fmt: skip
    """(a * n + b) * multiplier + offset as n * multiplier' + offset', modulo 2**32.

    Kernels compute it modulo 2**32 too, which is exact because the result fits int32.
    """
    channels = layouts.padded_channels(len(multiplier))
    wide = multiplier.astype(np.int64)
    pairs = {"multiplier": a * wide, "offset": b * wide + offset}
    return {
        f"{prefix}{name}": layouts.pad_last(
            (value % 2**32).astype(np.uint32).view(np.int32), channels
        )
        for name, value in pairs.items()
    }


def _sign_values(
    port: str, threshold: NDArray[np.int16] | NDArray[np.int32], flip: NDArray[np.bool_]
) -> Constants:
    channels = layouts.padded_channels(len(threshold))
    # No value is below it: padding bits are 0.
    lowest = int(np.iinfo(threshold.dtype).min)
    return {
        f"{port}_threshold": layouts.pad_last(threshold, channels, value=lowest),
        f"{port}_flip": layouts.pack_bits(flip),
    }
