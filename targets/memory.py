"""Where every tensor and scratch buffer lies in one arena that is planned before the first run.

A buffer lives from the call that writes it to the last call that reads it; two that never live at
once may share bytes. The image stays where the caller has it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from space.graph import IMAGE_VALUE, Value

from .lower import Constant, KernelCall, Scratch

ALIGNMENT_BYTES = 64


@dataclass(frozen=True, slots=True)
class Buffer:
    """Memory that is in use during the calls first .. last, both included."""

    owner: Value | Scratch
    size_bytes: int
    first: int
    last: int

    def lives_with(self, other: "Buffer") -> bool:
        """Whether both are in use during one call."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True, slots=True)
class ArenaPlan:
    """Offsets of all buffers.

    lower_bound_bytes: the largest set in use at once; no plan needs less.
    """

    offsets: dict[Value | Scratch, int]
    arena_bytes: int
    lower_bound_bytes: int


def plan_arena(variants: Sequence[Sequence[KernelCall]], *, threads: int) -> ArenaPlan:
    """The plan of a network that was lowered for some processors, whichever it runs on."""
    return place(buffers(variants, threads=threads))


def buffers(variants: Sequence[Sequence[KernelCall]], *, threads: int) -> tuple[Buffer, ...]:
    """Everything that calls need in memory beside the image and their constants.

    Threads that share a call have scratch buffers of their own; those of one name are as large as
    the variant needs that needs most. The logits are copied out after the last call.
    """
    found: dict[Value | Scratch, Buffer] = {}
    for index, call in chain.from_iterable(map(enumerate, variants)):
        for argument, operand in call.pairs:
            if isinstance(operand, Constant) or operand == IMAGE_VALUE:
                continue
            copies = threads if isinstance(operand, Scratch) and call.is_shared else 1
            known = found.get(operand, Buffer(operand, 0, index, index))
            size_bytes = max(known.size_bytes, copies * aligned(argument.size_bytes))
            found[operand] = Buffer(operand, size_bytes, known.first, max(known.last, index))
    return tuple(found.values())


def aligned(size_bytes: int) -> int:
    """The size rounded up to whole alignment units, and at least one of them."""
    return max(1, -(-size_bytes // ALIGNMENT_BYTES)) * ALIGNMENT_BYTES


def place(buffers: Iterable[Buffer]) -> ArenaPlan:
    """Offsets by greedy best fit: the smallest of the plans that a few orders of placing give."""
    found = tuple(buffers)
    plans = [_placed(sorted(found, key=order)) for order in _ORDERS]
    offsets = min(plans, key=lambda plan: _end(found, plan))
    return ArenaPlan(offsets, _end(found, offsets), _lower_bound(found))


_ORDERS: tuple[Callable[[Buffer], tuple[int, ...]], ...] = (
    lambda buffer: (-buffer.size_bytes, buffer.first),
    lambda buffer: (-buffer.size_bytes * (buffer.last - buffer.first + 1), buffer.first),
    lambda buffer: (buffer.first, -buffer.size_bytes),
)


def _placed(ordered: Sequence[Buffer]) -> dict[Value | Scratch, int]:
    offsets: dict[Value | Scratch, int] = {}
    for position, buffer in enumerate(ordered):
        taken = sorted(
            (offsets[other.owner], offsets[other.owner] + other.size_bytes)
            for other in ordered[:position]
            if other.lives_with(buffer)
        )
        offsets[buffer.owner] = _best_fit(taken, buffer.size_bytes)
    return offsets


def _best_fit(taken: Sequence[tuple[int, int]], size_bytes: int) -> int:
    """The start of the smallest gap between taken ranges that is large enough, else their end."""
    gaps: list[tuple[int, int]] = []
    end = 0
    for start, stop in taken:
        if start - end >= size_bytes:
            gaps.append((start - end, end))
        end = max(end, stop)
    return min(gaps)[1] if gaps else end


def _end(found: Sequence[Buffer], offsets: dict[Value | Scratch, int]) -> int:
    return max(offsets[buffer.owner] + buffer.size_bytes for buffer in found)


def _lower_bound(found: Sequence[Buffer]) -> int:
    calls = 1 + max(buffer.last for buffer in found)
    return max(
        sum(buffer.size_bytes for buffer in found if buffer.first <= call <= buffer.last)
        for call in range(calls)
    )
