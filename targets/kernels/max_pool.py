"""Max pools: the pixels of a window, and the rows of a convolution that its pool still needs."""

from dataclasses import dataclass
from typing import Any

from tvm import tirx
from tvm.tirx.script import builder as T

from space.blocks import MaxPool, Pool

from .epilogue import saturated
from .vectors import Buffer, Expr, convert, let, load, store


def window(pool: MaxPool | Pool, at: Expr, size: int) -> list[Expr]:
    """Where the pixels of output `at` lie on an axis of that size.

    One outside is replaced by the nearest inside, which the window holds anyway: that changes no
    maximum.
    """
    start = at * pool.stride - pool.kernel_size // 2
    return [T.max(T.min(start + i, size - 1), 0) for i in range(pool.kernel_size)]


def largest(vectors: list[Expr]) -> Expr:
    """The maximum, lane by lane."""
    found = vectors[0]
    for vector in vectors[1:]:
        found = T.max(found, vector)
    return found


@dataclass(frozen=True, slots=True)
class RowRing:
    """The last rows of a convolution, as many as a window has, as int16 of one tile of channels.

    size: pixels in a row, and rows of the convolution. turns: of the tile.
    """

    pool: MaxPool
    values: Buffer
    size: int
    lanes: int
    turns: int

    def new_rows(self, y: Expr, first: Expr) -> Any:
        """A loop over the rows that output row y needs and no output row from `first` on did."""
        kept = max(self.pool.kernel_size - self.pool.stride, 0)
        start = y * self.pool.stride - self.pool.kernel_size // 2
        new = tirx.Select(y > first, start + kept, start)
        return T.serial(T.max(new, 0), T.min(start + self.pool.kernel_size, self.size))

    def put(self, value: Expr, row: Expr, x: Expr, turn: Expr) -> None:
        """Keep an int32 vector, saturated."""
        place = self._index(row, x) + turn
        store(self.values, place, saturated(value, self.lanes), lanes=self.lanes)

    def pooled(self, y: Expr, x: Expr, turn: Expr) -> Expr:
        """The largest values of a window as an int32 vector; all of its rows were put."""
        rows, columns = (window(self.pool, at, self.size) for at in (y, x))
        indices = [self._index(row, column) + turn for row in rows for column in columns]
        value = largest([load(self.values, index, self.lanes) for index in indices])
        return let(convert(value, "int32", lanes=self.lanes))

    def _index(self, row: Expr, x: Expr) -> Expr:
        kept = T.truncmod(row, self.pool.kernel_size)
        return (kept * self.size + x) * self.lanes * self.turns
