"""How tensors and weights lie in memory. All kernels and all their callers agree on this file.

Channels come in groups of 32, one word of bits each; the last group may be padded to 8 or 16 only,
so that narrow networks do not compute padding. Padding lanes of real tensors hold 0, padding bits
are 0.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

WORD_BITS = 32
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Group:
    """Channels first .. first + lanes - 1 of a padded tensor: bits of one word."""

    first: int
    lanes: int


def words(channels: int) -> int:
    """32-bit words that hold the bits of these channels."""
    return -(-channels // WORD_BITS)


def padded_channels(channels: int) -> int:
    """Channels in memory of a real tensor."""
    full, rest = divmod(channels, WORD_BITS)
    return full * WORD_BITS + next(lanes for lanes in (0, 8, 16, 32) if rest <= lanes)


def groups(channels: int) -> tuple[Group, ...]:
    """The groups of 8, 16 or 32 lanes that make up the padded channels; only the last is narrow."""
    end = padded_channels(channels)
    return tuple(Group(first, min(WORD_BITS, end - first)) for first in range(0, end, WORD_BITS))


def pad_last(array: NDArray[Scalar], length: int, *, value: int = 0) -> NDArray[Scalar]:
    """The array with its last axis filled up to a length."""
    missing = [(0, 0)] * (array.ndim - 1) + [(0, length - array.shape[-1])]
    return np.pad(array, missing, constant_values=value)


def pack_bits(bits: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """[..., channels] to [..., words]: channel c is bit c % 32 of word c // 32."""
    filled = pad_last(bits, words(bits.shape[-1]) * WORD_BITS)
    packed: NDArray[np.uint32] = np.packbits(filled, axis=-1, bitorder="little").view(np.uint32)
    return packed


def unpack_bits(packed: NDArray[np.uint32], channels: int) -> NDArray[np.bool_]:
    """[..., words] to [..., channels], the inverse of pack_bits."""
    octets = np.ascontiguousarray(packed).view(np.uint8)
    return np.unpackbits(octets, axis=-1, bitorder="little")[..., :channels].astype(np.bool_)


def _by_group(rows: NDArray[Scalar], lane_axis: int) -> NDArray[Scalar]:
    """[padded out, ...] to one flat array: group after group, its lanes moved to `lane_axis`."""
    parts = [
        np.moveaxis(rows[group.first : group.first + group.lanes], 0, lane_axis).ravel()
        for group in groups(rows.shape[0])
    ]
    return np.concatenate(parts)


def _pad_rows(rows: NDArray[Scalar]) -> NDArray[Scalar]:
    missing = padded_channels(rows.shape[0]) - rows.shape[0]
    return np.pad(rows, [(0, missing)] + [(0, 0)] * (rows.ndim - 1))


def binary_weights(weights: NDArray[np.int8], in_channels: tuple[int, ...]) -> NDArray[np.uint32]:
    """+-1 [out, in, k, k] to flat uint32: per group [k, k, words of all sources, lanes]."""
    return _by_group(_packed_rows(weights, in_channels), -1)


def _packed_rows(weights: NDArray[np.int8], in_channels: tuple[int, ...]) -> NDArray[np.uint32]:
    """[padded out, k, k, words of all sources]."""
    bits = weights.transpose(0, 2, 3, 1) < 0
    ends = np.cumsum(in_channels)[:-1]
    packed = [pack_bits(part) for part in np.split(bits, ends, axis=-1)]
    return _pad_rows(np.concatenate(packed, axis=-1))


def nibble_lanes(lanes: int) -> int:
    """Bytes of a vector of weight nibbles of one group: a shuffle takes 16 at least."""
    return max(lanes, 16)


def nibble_weights(weights: NDArray[np.int8], in_channels: tuple[int, ...]) -> NDArray[np.uint8]:
    """+-1 [out, in, k, k] to flat uint8: per group [row, bytes of all sources, 2, column, lanes].

    Each holds the bits of four channels: of a byte of the source, the low ones and then the high.
    """
    packed = _packed_rows(weights, in_channels)
    octets = np.ascontiguousarray(packed).view(np.uint8)
    nibbles = np.stack([octets & 15, octets >> 4], axis=-1).transpose(0, 1, 3, 4, 2)
    parts = []
    for group in groups(nibbles.shape[0]):
        lanes = np.moveaxis(nibbles[group.first : group.first + group.lanes], 0, -1)
        parts.append(pad_last(lanes, nibble_lanes(group.lanes)).ravel())
    return np.concatenate(parts)


@dataclass(frozen=True, slots=True)
class ConvTaps:
    """How the taps of an int8 convolution are read: in fours, of which a dot product takes one.

    row_fours: of each kernel row, whose taps are neighbours in memory. column_fours: of the last
    taps of all rows, where each row has one tap more than whole fours: a four for each of these
    would be three quarters of nothing.
    """

    kernel_size: int
    row_fours: int
    column_fours: int

    @property
    def fours(self) -> int:
        """All fours of one output."""
        return self.kernel_size * self.row_fours + self.column_fours


def conv_taps(in_channels: int, kernel_size: int) -> ConvTaps:
    """The fours of a convolution."""
    whole, rest = divmod(kernel_size * in_channels, 4)
    if rest == 1 and kernel_size > 1:
        return ConvTaps(kernel_size, whole, -(-kernel_size // 4))
    return ConvTaps(kernel_size, whole + (rest > 0), 0)


def conv_weights(weights: NDArray[np.int8]) -> NDArray[np.int8]:
    """int8 [out, in, k, k] to flat int8: per group [fours, lanes, 4], rows before columns."""
    out_channels, in_channels, kernel_size, _ = weights.shape
    taps = conv_taps(in_channels, kernel_size)
    rows = weights.transpose(0, 2, 3, 1).reshape(out_channels, kernel_size, -1)
    in_rows = pad_last(rows[..., : 4 * taps.row_fours], 4 * taps.row_fours)
    fours = in_rows.reshape(out_channels, -1, 4)
    if taps.column_fours:
        column = pad_last(rows[..., -1], 4 * taps.column_fours)
        fours = np.concatenate([fours, column.reshape(out_channels, -1, 4)], axis=1)
    return _by_group(_pad_rows(fours), -2)


def classifier_weights(weights: NDArray[np.int8], in_channels: tuple[int, ...]) -> NDArray[np.int8]:
    """int8 [classes, in] to [padded in of all sources, padded classes]."""
    ends = np.cumsum(in_channels)[:-1]
    parts = [
        pad_last(part, padded_channels(part.shape[-1])) for part in np.split(weights, ends, axis=-1)
    ]
    return np.ascontiguousarray(_pad_rows(np.concatenate(parts, axis=-1)).T)
