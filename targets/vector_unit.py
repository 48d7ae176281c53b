"""Vector units as data: everything that the kernels' register tiles ask of a processor."""

from dataclasses import dataclass, replace
from typing import Literal

from .errors import TargetError

CountSums = Literal["bytes", "uadalp", "vpadal", "usada8"]
DotProduct = Literal["vpdpbusd", "pmaddwd", "saddlp", "vpadals", "smlad", "sdot"]
SignBits = Literal["mask", "pairwise_adds", "turns"]


@dataclass(frozen=True, slots=True)
class Tile:
    """What is held in registers: at most so many output channels (1, 16, 32) of so many pixels."""

    lanes: int
    pixels: int

    def __post_init__(self) -> None:
        if self.lanes not in (1, 16, 32) or self.pixels < 1:
            raise TargetError(
                f"tile of {self.lanes} channels x {self.pixels} pixels: it must be 16 or 32 "
                "channels, which fill words of bits, or 1, and at least 1 pixel"
            )


@dataclass(frozen=True, slots=True)
class VectorUnit:
    """How a kernel fills the registers of one kind of processor.

    lanes: most channels that elementwise work takes at a time. binary, conv: tiles of binary and of
    int8 convolutions, where a kernel was not tuned. tuned_tiles: what tuning tries instead, for
    either. count_bits: 32 where the processor counts the bits of 32-bit lanes itself, 8 where it
    counts those of bytes, or nothing does it better, 4 where a table counts those of nibbles, 1
    where all are added up. count_sums: the instruction that adds up counts of bytes, if it is no
    plain addition of bytes. dot_product: the instruction that adds products of 8-bit numbers to
    int32. sign_bits: how a comparison becomes one bit per lane; "turns" where lanes are one, and a
    word gets bit after bit.
    rolled: whether the innermost loops must stay loops, because unrolled they would need more
    registers than there are. divides: whether the processor divides integers itself.
    """

    vector_bits: int
    lanes: int
    binary: Tile
    conv: Tile
    tuned_tiles: tuple[Tile, ...]
    count_bits: Literal[1, 4, 8, 32]
    count_sums: CountSums
    dot_product: DotProduct
    sign_bits: SignBits
    rolled: bool
    divides: bool = True

    @property
    def least_input(self) -> int:
        """The least input of `dot_product`: of an int8, or of a uint8."""
        return -128 if self.dot_product == "sdot" else 0


# Bytes are counted by shifts, masks and additions, since nothing shuffles bytes.
SSE2 = VectorUnit(
    vector_bits=128,
    lanes=16,
    binary=Tile(lanes=16, pixels=2),
    conv=Tile(lanes=16, pixels=2),
    tuned_tiles=(Tile(16, 1), Tile(16, 3), Tile(16, 4)),
    count_bits=8,
    count_sums="bytes",
    dot_product="pmaddwd",
    sign_bits="mask",
    rolled=False,
)
SSE = VectorUnit(
    vector_bits=128,
    lanes=16,
    binary=Tile(lanes=16, pixels=4),
    conv=Tile(lanes=16, pixels=2),
    tuned_tiles=(Tile(16, 2), Tile(16, 6), Tile(16, 8)),
    count_bits=4,
    count_sums="bytes",
    dot_product="pmaddwd",
    sign_bits="mask",
    rolled=False,
)
AVX2 = VectorUnit(
    vector_bits=256,
    lanes=16,
    binary=Tile(lanes=32, pixels=4),
    conv=Tile(lanes=16, pixels=4),
    tuned_tiles=(Tile(32, 2), Tile(32, 6), Tile(16, 6), Tile(16, 8)),
    count_bits=4,
    count_sums="bytes",
    dot_product="pmaddwd",
    sign_bits="mask",
    rolled=False,
)
AVX512_SHUFFLES = VectorUnit(
    vector_bits=512,
    lanes=32,
    binary=Tile(lanes=32, pixels=8),
    conv=Tile(lanes=16, pixels=8),
    tuned_tiles=(Tile(32, 2), Tile(32, 4), Tile(32, 6), Tile(16, 4)),
    count_bits=4,
    count_sums="bytes",
    dot_product="pmaddwd",
    sign_bits="mask",
    rolled=False,
)
AVX512 = VectorUnit(
    vector_bits=512,
    lanes=32,
    binary=Tile(lanes=16, pixels=16),
    conv=Tile(lanes=16, pixels=8),
    tuned_tiles=(Tile(32, 4), Tile(32, 5), Tile(32, 7), Tile(16, 7)),
    count_bits=32,
    count_sums="bytes",
    dot_product="vpdpbusd",
    sign_bits="mask",
    rolled=False,
)
NEON_ARMV7 = VectorUnit(
    vector_bits=128,
    lanes=16,
    binary=Tile(lanes=16, pixels=2),
    conv=Tile(lanes=16, pixels=1),
    tuned_tiles=(Tile(16, 1), Tile(16, 2), Tile(16, 3), Tile(16, 4)),
    count_bits=8,
    count_sums="vpadal",
    dot_product="vpadals",
    sign_bits="pairwise_adds",
    rolled=True,
)
NEON_CORTEX_A9 = replace(NEON_ARMV7, divides=False)
NEON_ARMV8 = VectorUnit(
    vector_bits=128,
    lanes=16,
    binary=Tile(lanes=16, pixels=4),
    conv=Tile(lanes=16, pixels=4),
    tuned_tiles=(Tile(16, 2), Tile(16, 3), Tile(16, 4), Tile(16, 6), Tile(32, 2)),
    count_bits=8,
    count_sums="uadalp",
    dot_product="saddlp",
    sign_bits="mask",
    rolled=True,
)
NEON_ARMV8_DOT = replace(NEON_ARMV8, dot_product="sdot")
# The fastest tiles by LLVM's model of the core.
NEON_CORTEX_A72 = replace(
    NEON_ARMV8, binary=Tile(lanes=32, pixels=2), conv=Tile(lanes=16, pixels=3)
)
NEON_CORTEX_A76 = replace(NEON_CORTEX_A72, conv=Tile(lanes=16, pixels=5), dot_product="sdot")
# No vectors at all, but words of four bytes or of two int16.
CORTEX_M = VectorUnit(
    vector_bits=32,
    lanes=1,
    binary=Tile(lanes=1, pixels=2),
    conv=Tile(lanes=1, pixels=3),
    tuned_tiles=(Tile(1, 1), Tile(1, 2), Tile(1, 3), Tile(1, 4)),
    count_bits=1,
    count_sums="usada8",
    dot_product="smlad",
    sign_bits="turns",
    rolled=False,
)
