"""Costs that follow from a block's shapes: operations and weights. 1 MAC = 1 operation."""

from dataclasses import dataclass

from space.blocks import Block
from space.counts import counts


@dataclass(frozen=True, slots=True)
class BinaryOperations:
    """BOPs: multiply-accumulates of binary weights and activations."""

    name: str = "bops"
    unit: str = "BOPs"

    def cost(self, block: Block) -> float:
        return counts(block).binary_macs


@dataclass(frozen=True, slots=True)
class FloatOperations:
    """FLOPs: all other multiply-accumulates, float in training and int8 once frozen."""

    name: str = "flops"
    unit: str = "FLOPs"

    def cost(self, block: Block) -> float:
        return counts(block).float_macs


@dataclass(frozen=True, slots=True)
class Operations:
    """OPs = FLOPs + BOPs / 64."""

    name: str = "ops"
    unit: str = "OPs"

    def cost(self, block: Block) -> float:
        return counts(block).ops


@dataclass(frozen=True, slots=True)
class Parameters:
    """Weights of convolutions and classifier, whatever their bits."""

    name: str = "params"
    unit: str = "weights"

    def cost(self, block: Block) -> float:
        return counts(block).weights


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes of those weights once frozen: one bit each if binary, else int8."""

    name: str = "size"
    unit: str = "bytes"

    def cost(self, block: Block) -> float:
        return counts(block).weight_bytes
