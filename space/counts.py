"""Counts of a block: multiply-accumulates and weights. 1 MAC = 1 operation.

Elementwise work (scales, adds, pools) is not counted, as is usual in the literature.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from .blocks import BinaryConv, Block, Classifier, Conv


@dataclass(frozen=True, slots=True)
class Counts:
    """What a block computes and stores."""

    binary_macs: int = 0
    float_macs: int = 0
    binary_weights: int = 0
    other_weights: int = 0

    @property
    def ops(self) -> float:
        """OPs = FLOPs + BOPs / 64, the literature's convention."""
        return self.float_macs + self.binary_macs / 64

    @property
    def weights(self) -> int:
        return self.binary_weights + self.other_weights

    @property
    def weight_bytes(self) -> float:
        """Bytes of the frozen weights: one bit each if binary, else int8."""
        return self.binary_weights / 8 + self.other_weights


def counts(block: Block) -> Counts:
    """The counts of one block."""
    match block:
        case BinaryConv():
            weights = block.reduction * block.out_channels
            return Counts(binary_macs=weights * block.out_size**2, binary_weights=weights)
        case Conv():
            weights = block.reduction * block.out_channels
            return Counts(float_macs=weights * block.conv_size**2, other_weights=weights)
        case Classifier():
            weights = sum(block.in_channels) * block.classes
            return Counts(float_macs=weights, other_weights=weights)
    return Counts()


def total_counts(blocks: Iterable[Block]) -> Counts:
    """The sum of the counts of several blocks."""
    parts = [counts(block) for block in blocks]
    return Counts(
        binary_macs=sum(part.binary_macs for part in parts),
        float_macs=sum(part.float_macs for part in parts),
        binary_weights=sum(part.binary_weights for part in parts),
        other_weights=sum(part.other_weights for part in parts),
    )
