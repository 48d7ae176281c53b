"""Average and max pools that may also duplicate channels."""

from collections.abc import Iterator
from dataclasses import dataclass

from tvm import tirx
from tvm.tirx.script import builder as T

from space.blocks import Pool
from targets.layouts import padded_channels
from targets.vector_unit import VectorUnit

from .epilogue import Place, write_outputs
from .max_pool import largest, window
from .memory import Memory
from .tiles import LaneTiles, lane_tiles, shared
from .vectors import Buffer, Expr, concatenate, constant, convert, let, load


def pool(block: Pool, memory: Memory, unit: VectorUnit) -> None:
    """Build the kernel's body."""
    size = block.out_size
    for tiles in lane_tiles(block.out_channels, unit.lanes):
        with shared((size, size), memory) as (y, x):
            pixels = _Window(block, memory["source0"], y, x)
            for place in _places(block, tiles, y * size + x):
                if tiles.lanes == 1:
                    value = let(pixels.output(place.channel))
                else:
                    value = let(pixels.outputs(place.channel, tiles.lanes))
                write_outputs(value, memory, place=place, epilogue=block.epilogue, unit=unit)


def _places(block: Pool, tiles: LaneTiles, pixel: Expr) -> Iterator[Place]:
    """All of a pixel, one after the other.

    Which input channels a vector reads differs from tile to tile, so that there is no loop over
    them; one channel's is computed.
    """
    if tiles.lanes == 1:
        with T.serial(tiles.count) as group, tiles.in_turn() as turn:
            yield Place(block.out_channels, tiles, group, 0, pixel, turn)
        return
    for group in range(tiles.count):
        for piece in range(tiles.pieces):
            yield Place(block.out_channels, tiles, group, piece, pixel, 0)


@dataclass(frozen=True, slots=True)
class _Window:
    """The input pixels of one output pixel."""

    block: Pool
    source: Buffer
    y: Expr
    x: Expr

    def output(self, channel: Expr) -> Expr:
        """int32 of one output channel."""
        block = self.block
        found = T.truncmod(channel, block.period)
        is_pooled = tirx.all(channel < block.out_channels, found < block.in_channels)
        inside = T.min(found, block.in_channels - 1)
        return tirx.Select(is_pooled, self._pooled(inside, 1), tirx.const(0, "int32"))

    def outputs(self, first: int, lanes: int) -> Expr:
        """int32 vector of output channels first .. first + lanes - 1."""
        found = [_input_channel(self.block, first + lane) for lane in range(lanes)]
        if all(channel is None for channel in found):
            return constant(0, "int32", lanes=lanes)
        start = next(channel - lane for lane, channel in enumerate(found) if channel is not None)
        if all(self._holds(start + lane, channel) for lane, channel in enumerate(found)):
            return self._pooled(start, lanes)
        half = lanes // 2
        parts = [let(self.outputs(first + offset, half)) for offset in (0, half)]
        return concatenate(parts, lanes=lanes)

    def _holds(self, index: int, channel: int | None) -> bool:
        """Whether memory has an input channel (None: a padding lane, which is 0) at an index."""
        if channel is None:
            return self.block.in_channels <= index < padded_channels(self.block.in_channels)
        return index == channel

    def _pooled(self, first: Expr, lanes: int) -> Expr:
        if self.block.kind == "max":
            return convert(largest(self._taps(first, lanes)), "int32", lanes=lanes)
        value = constant(0, "int32", lanes=lanes)
        for tap in self._taps(first, lanes):
            value = value + convert(tap, "int32", lanes=lanes)
        return _rounded_mean(value, self.block.kernel_size**2, lanes)

    def _taps(self, first: Expr, lanes: int) -> list[Expr]:
        """int16 vectors of the window's pixels."""
        block = self.block
        if block.kind == "max":
            rows, columns = (window(block, at, block.in_size) for at in (self.y, self.x))
        else:
            rows, columns = (
                [at * block.stride + i for i in range(block.kernel_size)] for at in (self.y, self.x)
            )
        pixel = padded_channels(block.in_channels)
        starts = [
            (row * block.in_size + column) * pixel + first for row in rows for column in columns
        ]
        return [load(self.source, start, lanes) for start in starts]


def _input_channel(block: Pool, channel: int) -> int | None:
    """The input channel that an output channel pools; None if it is 0 or only fills up memory."""
    found = channel % block.period
    return found if channel < block.out_channels and found < block.in_channels else None


def _rounded_mean(total: Expr, count: int, lanes: int) -> Expr:
    """floor((2 * total + count) / (2 * count))."""
    if count & (count - 1) == 0:
        half = constant(count // 2, "int32", lanes=lanes)
        return T.shift_right(total + half, constant(count.bit_length() - 1, "int32", lanes=lanes))
    doubled = total + total + constant(count, "int32", lanes=lanes)
    return tirx.floordiv(doubled, constant(2 * count, "int32", lanes=lanes))
