"""The vector operations that kernels are written in. Expressions are TVM's; buffers are flat."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

from tvm import tirx
from tvm.tirx.script import builder as T

Expr = Any
Buffer = Any
# TVM calls its runtime for arrays of 1 KiB and more, which programs do not have.
_MOST_ARRAY_BYTES = 1023


def load(buffer: Buffer, index: Expr, lanes: int) -> Expr:
    """`lanes` neighbouring elements as a vector, or one as a scalar."""
    return buffer[index] if lanes == 1 else buffer[T.ramp(index, 1, lanes)]


def store(buffer: Buffer, index: Expr, value: Expr, *, lanes: int) -> None:
    """Write a vector (or a scalar if `lanes` is 1) to neighbouring elements."""
    T.buffer_store(buffer, value, [index if lanes == 1 else T.ramp(index, 1, lanes)])


def splat(value: Expr, lanes: int) -> Expr:
    """A vector of equal lanes."""
    return value if lanes == 1 else T.broadcast(value, lanes)


def splat_lane(vector: Expr, index: int, lanes: int, *, of: int) -> Expr:
    """A vector of equal lanes: one of the `of` lanes of another, which `lanes` is a multiple of."""
    if of == 1:
        return splat(vector, lanes)
    return tirx.Shuffle([vector] * (lanes // of), [index] * lanes)


def constant(value: int, dtype: str, *, lanes: int) -> Expr:
    """A vector of one number."""
    return splat(tirx.const(value, dtype), lanes)


def convert(value: Expr, dtype: str, *, lanes: int) -> Expr:
    """Lane by lane to another type of integers, modulo its width."""
    return T.Cast(vector_type(dtype, lanes), value)


def reinterpret(value: Expr, dtype: str, *, lanes: int) -> Expr:
    """The same bits as another vector type (little endian)."""
    return tirx.call_intrin(vector_type(dtype, lanes), "tirx.reinterpret", value)


def concatenate(parts: list[Expr], *, lanes: int) -> Expr:
    """Vectors of equal type one after another; `lanes` is the length of the result."""
    return parts[0] if len(parts) == 1 else tirx.Shuffle(parts, list(range(lanes)))


def vector_type(dtype: str, lanes: int) -> str:
    """TVM's name of a vector type; a vector of one lane is a scalar."""
    return dtype if lanes == 1 else f"{dtype}x{lanes}"


def let(value: Expr) -> Expr:
    """Compute once, use often."""
    return T.Bind(value)


def accumulator(dtype: str, lanes: int) -> Buffer:
    """A vector that stays in registers, cleared."""
    buffer = T.alloc_buffer((lanes,), dtype)
    clear(buffer, dtype, lanes)
    return buffer


def clear(buffer: Buffer, dtype: str, lanes: int) -> None:
    """buffer = 0, all lanes."""
    store(buffer, 0, constant(0, dtype, lanes=lanes), lanes=lanes)


def add_to(buffer: Buffer, value: Expr, lanes: int) -> None:
    """buffer += value, all lanes."""
    store(buffer, 0, load(buffer, 0, lanes) + value, lanes=lanes)


def looped(vectors: list[Expr], dtype: str, *, lanes: int) -> Iterator[tuple[Expr, Expr]]:
    """Open a loop over vectors of 32-bit lanes; yields the index and the vector.

    A loop, because a copy of its body for each takes long to compile. The vectors are put into an
    array for it, or into a few, each with a loop: larger ones would come from a heap.
    """
    arrays = -(-len(vectors) // (_MOST_ARRAY_BYTES // (4 * lanes)))
    size = -(-len(vectors) // arrays)
    for first in range(0, len(vectors), size):
        part = vectors[first : first + size]
        buffer = T.alloc_buffer((len(part) * lanes,), dtype)
        for i, vector in enumerate(part):
            store(buffer, i * lanes, vector, lanes=lanes)
        with T.serial(len(part)) as i:
            yield first + i, load(buffer, i * lanes, lanes)


def fill(buffer: Buffer, start: Expr, count: int, *, value: int) -> None:
    """Write one number to `count` neighbouring elements."""
    with T.serial(count) as i:
        T.buffer_store(buffer, tirx.const(value, buffer.dtype), [start + i])


def loop(count: int, *, rolled: bool) -> Any:
    """A loop; `rolled` hides its length from LLVM, which would unroll it until registers spill.

    There is none around a single step: LLVM would take a part of the sums out of it.
    """
    if count == 1:
        return nullcontext(tirx.const(0, "int32"))
    if not rolled:
        return T.serial(count)
    length = T.alloc_buffer((1,), "int32", annotations={"tirx.volatile": True})
    T.buffer_store(length, tirx.const(count, "int32"), [0])
    return T.serial(length[0])
