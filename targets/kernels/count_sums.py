"""Adding up the counts of a register's bytes, by what the processor does well."""

from collections.abc import Callable
from dataclasses import dataclass

from tvm.tirx.script import builder as T

from targets.vector_unit import CountSums

from .vectors import Expr, constant, let, reinterpret


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums in lanes of `dtype`, `lanes_per_word` of them for each lane of 32 bits.

    most_words: so many of a lane's words cannot overflow its sums.
    add: sums, uint8 counts, lanes of 32 bits -> sums.
    total: sums, lanes of 32 bits -> uint32, those of each lane added up.
    """

    dtype: str
    lanes_per_word: int
    most_words: int
    add: Callable[[Expr, Expr, int], Expr]
    total: Callable[[Expr, int], Expr]


def _add_bytes(sums: Expr, counts: Expr, lanes: int) -> Expr:
    del lanes
    return sums + counts


def _total_of_bytes(sums: Expr, lanes: int) -> Expr:
    words = let(reinterpret(sums, "uint32", lanes=lanes))

    def masked(value: Expr, mask: int) -> Expr:
        return value & constant(mask, "uint32", lanes=lanes)

    def shifted(value: Expr, distance: int) -> Expr:
        return T.shift_right(value, constant(distance, "uint32", lanes=lanes))

    pairs = let(masked(words, 0x00FF00FF) + masked(shifted(words, 8), 0x00FF00FF))
    return masked(pairs, 0xFFFF) + shifted(pairs, 16)


def _uadalp(sums: Expr, counts: Expr, lanes: int) -> Expr:
    """LLVM joins the two adds to one uadalp."""
    name = f"llvm.aarch64.neon.uaddlp.v{2 * lanes}i16.v{4 * lanes}i8"
    return sums + T.call_llvm_pure_intrin(f"uint16x{2 * lanes}", name, counts)


def _uaddlp(sums: Expr, lanes: int) -> Expr:
    name = f"llvm.aarch64.neon.uaddlp.v{lanes}i32.v{2 * lanes}i16"
    return T.call_llvm_pure_intrin(f"uint32x{lanes}", name, sums)


def _vpadal(sums: Expr, counts: Expr, lanes: int) -> Expr:
    """The same on 32-bit ARM, where LLVM would not join them."""
    name = f"llvm.arm.neon.vpadalu.v{2 * lanes}i16.v{4 * lanes}i8"
    return T.call_llvm_pure_intrin(f"uint16x{2 * lanes}", name, sums, counts)


def _vpaddl(sums: Expr, lanes: int) -> Expr:
    name = f"llvm.arm.neon.vpaddlu.v{lanes}i32.v{2 * lanes}i16"
    return T.call_llvm_pure_intrin(f"uint32x{lanes}", name, sums)


# A word adds at most 8 to a sum of 8 bits, and at most 16 to one of 16 bits.
COUNT_SUMS: dict[CountSums, Sums] = {
    "bytes": Sums("uint8", 4, 255 // 8, _add_bytes, _total_of_bytes),
    "uadalp": Sums("uint16", 2, 65535 // 16, _uadalp, _uaddlp),
    "vpadal": Sums("uint16", 2, 65535 // 16, _vpadal, _vpaddl),
}
