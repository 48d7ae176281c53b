"""How channels and pixels are cut into register tiles."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from math import prod
from typing import Any

from tvm import tirx
from tvm.tirx.script import builder as T

from targets.layouts import WORD_BITS, groups

from .memory import Memory
from .vectors import Expr, let


@dataclass(frozen=True, slots=True)
class Span:
    """`count` tiles of `size` neighbours, from `start` on."""

    start: int
    size: int
    count: int


def spans(length: int, most: int) -> tuple[Span, ...]:
    """A length cut into as few tiles of at most `most` as possible, of one or two sizes."""
    tiles = -(-length // most)
    small, larger = divmod(length, tiles)
    found = (
        Span(0, small + 1, larger),
        Span(larger * (small + 1), small, tiles - larger),
    )
    return tuple(span for span in found if span.count)


def pair_spans(length: int, most: int) -> tuple[Span, ...]:
    """A length cut into tiles of `most` (an even number) and one of the rest: whole pairs first."""
    count, rest = divmod(length, most)
    found = (Span(0, most, count), Span(count * most, rest, 1))
    return tuple(span for span in found if span.size and span.count)


@dataclass(frozen=True, slots=True)
class LaneTiles:
    """`count` groups of `group_lanes` channels from channel `first` on, as tiles of `lanes`.

    A tile of one channel takes those of its group in turn, because together they fill a word of
    bits.
    """

    first: int
    count: int
    group_lanes: int
    lanes: int

    @property
    def pieces(self) -> int:
        """Tiles in one group."""
        return self.group_lanes // self.lanes // self.turns

    @property
    def total(self) -> int:
        """All tiles, where each channel may be taken by itself."""
        return self.count * self.group_lanes // self.lanes

    @property
    def turns(self) -> int:
        """Channels that a tile takes one after the other."""
        return self.group_lanes if self.lanes == 1 else 1

    @property
    def bits_width(self) -> int:
        """Width of the words that a tile writes to a sign tensor; a narrow group fills its own."""
        return self.lanes if self.group_lanes == WORD_BITS and self.turns == 1 else WORD_BITS

    def in_turn(self) -> Any:
        """A loop over `turns`; none around a single one."""
        return T.serial(self.turns) if self.turns > 1 else nullcontext(tirx.const(0, "int32"))


def lane_tiles(channels: int, most_lanes: int) -> tuple[LaneTiles, ...]:
    """The padded channels as tiles: the whole words first, then a narrow group if there is one."""
    found = []
    for lanes in (WORD_BITS, 16, 8):
        alike = [group for group in groups(channels) if group.lanes == lanes]
        if alike:
            found.append(LaneTiles(alike[0].first, len(alike), lanes, min(most_lanes, lanes)))
    return tuple(found)


@contextmanager
def shared(counts: Sequence[int], memory: Memory) -> Iterator[tuple[Expr, ...]]:
    """Open nested loops, as one over this call's share of their steps; yields an index of each.

    The last index runs fastest. Shares differ by one step at most.
    """
    with T.serial(*_share(prod(counts), memory)) as step:
        yield _indices(step, counts)


@contextmanager
def shared_runs(
    counts: Sequence[int], length: int, memory: Memory
) -> Iterator[tuple[tuple[Expr, ...], Expr, Expr]]:
    """Open nested loops around runs of `length` steps, which calls share step by step.

    Yields an index of each loop, and the first of this call's steps in the run and their end.
    """
    first, end = _share(prod(counts) * length, memory)
    with T.serial(T.truncdiv(first, length), T.truncdiv(end + length - 1, length)) as run:
        own = (T.max(first - run * length, 0), T.min(end - run * length, length))
        yield _indices(run, counts), let(own[0]), let(own[1])


def _share(steps: int, memory: Memory) -> tuple[Expr, Expr]:
    """The first of this call's steps, and their end."""
    first, end = memory.part * steps, (memory.part + 1) * steps
    return _quotient(first, memory), _quotient(end, memory)


def _quotient(number: Expr, memory: Memory) -> Expr:
    """number / parts of numbers from 0 on.

    Where the processor divides no integers, LLVM would call a function that programs do not have.
    As float64 it is exact: a quotient that is no integer is a 2**-31th or more below the next one.
    """
    if memory.divides:
        return T.truncdiv(number, memory.parts)
    return T.Cast("int32", T.Cast("float64", number) / T.Cast("float64", memory.parts))


def _indices(step: Expr, counts: Sequence[int]) -> tuple[Expr, ...]:
    """The index of each of nested loops."""
    indices: list[Expr] = []
    for count in reversed(counts):
        indices.insert(0, T.truncmod(step, count))
        step = T.truncdiv(step, count)
    return tuple(let(index) for index in indices)
