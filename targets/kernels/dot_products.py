"""Adding products of 8-bit numbers to int32 lanes, by what the processor does well.

Each lane adds four products of its own int8 weights and of inputs, the same for all lanes: uint8,
but int8 for sdot.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tvm import tirx
from tvm.tirx.script import builder as T

from targets.vector_unit import DotProduct

from .vectors import Expr, constant, let, reinterpret


@dataclass(frozen=True, slots=True)
class Dot:
    """The two halves of a dot product; `lanes` must be those of one register, or fewer.

    prepare: int8 weights, four a lane -> what `add` takes; once for many inputs.
    add: accumulator, four inputs in every uint32 lane, prepared weights, lanes -> accumulator.
    together: fours of inputs that are loaded together, because `add` takes any lane of a register.
    """

    prepare: Callable[[Expr, int], list[Expr]]
    add: Callable[[Expr, Expr, list[Expr], int], Expr]
    together: int = 1


def _as_they_are(weights: Expr, lanes: int) -> list[Expr]:
    del lanes
    return [weights]


def _vpdpbusd(total: Expr, four: Expr, weights: list[Expr], lanes: int) -> Expr:
    inputs = reinterpret(four, "int8", lanes=4 * lanes)
    name = f"llvm.x86.avx512.vpdpbusd.{32 * lanes}"
    return T.call_llvm_pure_intrin(f"int32x{lanes}", name, total, inputs, weights[0])


def _even_and_odd(weights: Expr, lanes: int) -> list[Expr]:
    """Weights 0 and 2, then 1 and 3, of each lane as pairs of int16."""
    pairs = let(reinterpret(weights, "int16", lanes=2 * lanes))
    distance = constant(8, "int16", lanes=2 * lanes)
    even = T.shift_right(T.shift_left(pairs, distance), distance)
    return [let(even), let(T.shift_right(pairs, distance))]


def _pairs(four: Expr, lanes: int) -> list[Expr]:
    """Inputs 0 and 2, then 1 and 3, as pairs of int16."""
    pairs = let(reinterpret(four, "int16", lanes=2 * lanes))
    octet, distance = (constant(number, "int16", lanes=2 * lanes) for number in (0xFF, 8))
    return [let(pairs & octet), let(T.shift_right(pairs, distance) & octet)]


_PMADDWD = {
    4: "llvm.x86.sse2.pmadd.wd", 8: "llvm.x86.avx2.pmadd.wd", 16: "llvm.x86.avx512.pmaddw.d.512",
}  # fmt: skip


def _pmaddwd(total: Expr, four: Expr, weights: list[Expr], lanes: int) -> Expr:
    for inputs, pair in zip(_pairs(four, lanes), weights, strict=True):
        total = total + T.call_llvm_pure_intrin(f"int32x{lanes}", _PMADDWD[lanes], inputs, pair)
    return total


def _saddlp(total: Expr, four: Expr, weights: list[Expr], lanes: int) -> Expr:
    """Products of int8 and uint8 fit int16; LLVM joins the two adds to one sadalp."""
    for inputs, pair in zip(_pairs(four, lanes), weights, strict=True):
        name = f"llvm.aarch64.neon.saddlp.v{lanes}i32.v{2 * lanes}i16"
        total = total + T.call_llvm_pure_intrin(f"int32x{lanes}", name, inputs * pair)
    return total


def _vpadals(total: Expr, four: Expr, weights: list[Expr], lanes: int) -> Expr:
    """The same on 32-bit ARM, where LLVM would not join them."""
    for inputs, pair in zip(_pairs(four, lanes), weights, strict=True):
        name = f"llvm.arm.neon.vpadals.v{lanes}i32.v{2 * lanes}i16"
        total = T.call_llvm_pure_intrin(f"int32x{lanes}", name, total, inputs * pair)
    return total


def _halves(name: str, four: Expr) -> list[Expr]:
    """Bytes 0 and 2, then 1 and 3, extended to pairs of int16."""
    turned = T.shift_right(four, tirx.const(8, "uint32")) | T.shift_left(
        four, tirx.const(24, "uint32")
    )
    return [let(T.call_llvm_pure_intrin("uint32", name, each)) for each in (four, turned)]


def _extended(weights: Expr, lanes: int) -> list[Expr]:
    return _halves("llvm.arm.sxtb16", let(reinterpret(weights, "uint32", lanes=lanes)))


def _smlad(total: Expr, four: Expr, weights: list[Expr], lanes: int) -> Expr:
    del lanes
    for inputs, pair in zip(_halves("llvm.arm.uxtb16", four), weights, strict=True):
        total = T.call_llvm_pure_intrin("int32", "llvm.arm.smlad", inputs, pair, total)
    return total


def _sdot(total: Expr, four: Expr, weights: list[Expr], lanes: int) -> Expr:
    inputs = reinterpret(four, "int8", lanes=4 * lanes)
    # In this order LLVM lets the instruction take the lane of the inputs that was spread.
    name = f"llvm.aarch64.neon.sdot.v{lanes}i32.v{4 * lanes}i8"
    return T.call_llvm_pure_intrin(f"int32x{lanes}", name, total, weights[0], inputs)


DOT_PRODUCTS: dict[DotProduct, Dot] = {
    "vpdpbusd": Dot(_as_they_are, _vpdpbusd),
    "pmaddwd": Dot(_even_and_odd, _pmaddwd),
    "saddlp": Dot(_even_and_odd, _saddlp),
    "vpadals": Dot(_even_and_odd, _vpadals),
    "smlad": Dot(_extended, _smlad),
    "sdot": Dot(_as_they_are, _sdot, together=2),
}
