"""From a vector comparison to one bit per lane, by what the processor does well."""

from collections.abc import Callable

from tvm import tirx
from tvm.tirx.script import builder as T

from targets.vector_unit import SignBits

from .vectors import Expr, concatenate, constant, reinterpret


def _from_mask(value: Expr, threshold: Expr, lanes: int) -> Expr:
    """The mask itself: vpcmp and kmov, pmovmskb, or ands and adds on 64-bit ARM."""
    return tirx.call_intrin(f"uint{lanes}", "tirx.reinterpret", value < threshold)


def _from_pairwise_adds(value: Expr, threshold: Expr, lanes: int) -> Expr:
    """32-bit ARM: a bit per byte; eight neighbours are their sum, in three rounds of pairs."""
    weights = [tirx.const(1 << i % 8, "uint8") for i in range(lanes)]
    zero = constant(0, "uint8", lanes=lanes)
    bits = tirx.Select(value < threshold, concatenate(weights, lanes=lanes), zero)
    sums = concatenate([bits, bits], lanes=16) if lanes == 8 else bits
    for name, dtype in _PAIRWISE_ADDS:
        sums = T.call_llvm_pure_intrin(dtype, f"llvm.arm.neon.vpaddlu.{name}", sums)
    chosen = tirx.Shuffle([reinterpret(sums, "uint8", lanes=16)], [0, 8][: lanes // 8])
    return tirx.call_intrin(f"uint{lanes}", "tirx.reinterpret", chosen)


_PAIRWISE_ADDS = (
    ("v8i16.v16i8", "uint16x8"),
    ("v4i32.v8i16", "uint32x4"),
    ("v2i64.v4i32", "uint64x2"),
)

SIGN_BITS: dict[SignBits, Callable[[Expr, Expr, int], Expr]] = {
    "mask": _from_mask,
    "pairwise_adds": _from_pairwise_adds,
}
