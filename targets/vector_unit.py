"""Vector units as data: everything that the kernels' register tiles ask of a processor."""

from dataclasses import dataclass
from typing import Literal

DotProduct = Literal["vpdpbusd", "pmaddwd", "saddlp", "vpaddls"]


@dataclass(frozen=True, slots=True)
class VectorUnit:
    """How a kernel fills the registers of one kind of processor.

    lanes: output channels of one tile (8, 16 or 32). pixels: most output pixels of one tile.
    count_bits: 32 where the processor counts the bits of 32-bit lanes itself, 8 where it counts
    those of bytes. dot_product: the instruction that adds products of 8-bit numbers to int32.
    """

    vector_bits: int
    lanes: int
    pixels: int
    count_bits: Literal[8, 32]
    dot_product: DotProduct


AVX2 = VectorUnit(vector_bits=256, lanes=16, pixels=4, count_bits=8, dot_product="pmaddwd")
AVX512 = VectorUnit(vector_bits=512, lanes=32, pixels=7, count_bits=32, dot_product="vpdpbusd")
NEON_ARMV7 = VectorUnit(vector_bits=128, lanes=16, pixels=2, count_bits=8, dot_product="vpaddls")
NEON_ARMV8 = VectorUnit(vector_bits=128, lanes=16, pixels=4, count_bits=8, dot_product="saddlp")
