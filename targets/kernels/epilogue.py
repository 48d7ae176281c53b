"""From an operator's sum to the tensors that a block writes; see space.frozen for the formulas."""

from dataclasses import dataclass

from tvm import tirx
from tvm.tirx.script import builder as T

from space.blocks import Epilogue
from targets.layouts import WORD_BITS, padded_channels, words
from targets.vector_unit import VectorUnit

from .memory import Memory
from .sign_bits import SIGN_BITS
from .tiles import LaneTiles
from .vectors import Expr, constant, convert, let, load, splat, store


@dataclass(frozen=True, slots=True)
class Place:
    """Where a vector of neighbouring channels of one pixel lies in tensors of `channels`.

    It is the tile `piece` of the group `group` among `tiles`; `pixel` counts row by row; `turn` is
    that of the tile's channel.
    """

    channels: int
    tiles: LaneTiles
    group: Expr
    piece: Expr
    pixel: Expr
    turn: Expr

    @property
    def lanes(self) -> int:
        return self.tiles.lanes

    @property
    def channel(self) -> Expr:
        """Index of its first channel."""
        tiles = self.tiles
        first = tiles.first + self.group * tiles.group_lanes
        return first + self.piece * tiles.lanes + self.turn

    @property
    def real(self) -> Expr:
        """Index of its first element in a real tensor."""
        return self.pixel * padded_channels(self.channels) + self.channel

    @property
    def word(self) -> Expr:
        """Index of its word, of tiles.bits_width, among those of one pixel."""
        tiles = self.tiles
        return tiles.first // tiles.bits_width + self.group * tiles.pieces + self.piece

    @property
    def bits(self) -> Expr:
        """Index of its word in a sign tensor."""
        per_pixel = words(self.channels) * (WORD_BITS // self.tiles.bits_width)
        return self.pixel * per_pixel + self.word


def requantized(count: Expr, memory: Memory, *, place: Place, activated: bool) -> Expr:
    """A uint32 vector of sums, scaled, shifted and activated: an int32 vector.

    Computed modulo 2**32, because the multipliers were folded so; the result fits int32.
    """
    lanes = place.lanes

    def affine(prefix: str) -> Expr:
        multiplier, offset = (
            convert(load(memory[f"{prefix}{name}"], place.channel, lanes), "uint32", lanes=lanes)
            for name in ("multiplier", "offset")
        )
        return let(convert(count * multiplier + offset, "int32", lanes=lanes))

    total = affine("")
    if activated:
        negative = total < constant(0, "int32", lanes=lanes)
        total = tirx.Select(negative, affine("negative_"), total)
    return T.shift_right(total, splat(memory["shift"][0], lanes))


def write_outputs(
    value: Expr, memory: Memory, *, place: Place, epilogue: Epilogue, unit: VectorUnit
) -> None:
    """Add the shortcuts to an int32 vector, clamp it and write every port of the block."""
    lanes = place.lanes
    for i in range(epilogue.shortcuts):
        shortcut = load(memory[f"shortcut{i}"], place.real, lanes)
        value = value + convert(shortcut, "int32", lanes=lanes)
    inner = let(saturated(value, lanes))
    if epilogue.inner_stored:
        store(memory["inner"], place.real, inner, lanes=lanes)
    for i in range(epilogue.inner_signs):
        _write_sign(inner, memory, port=f"inner_sign{i}", place=place, unit=unit)
    if not epilogue.outer:
        return
    shortcut = load(memory["outer_shortcut"], place.real, lanes)
    wide = convert(inner, "int32", lanes=lanes) + convert(shortcut, "int32", lanes=lanes)
    outer = let(saturated(wide, lanes))
    store(memory["outer"], place.real, outer, lanes=lanes)
    for i in range(epilogue.outer_signs):
        _write_sign(outer, memory, port=f"outer_sign{i}", place=place, unit=unit)


def write_signs_of_counts(
    count: Expr, memory: Memory, *, place: Place, epilogue: Epilogue, unit: VectorUnit
) -> None:
    """Compare a uint32 vector of differing bits with the thresholds of every sign of the block."""
    dtype = memory["inner_sign0_threshold"].dtype
    value = let(convert(count, str(dtype), lanes=place.lanes))
    for i in range(epilogue.inner_signs):
        _write_sign(value, memory, port=f"inner_sign{i}", place=place, unit=unit)


def saturated(value: Expr, lanes: int) -> Expr:
    """An int32 vector clamped to int16."""
    low = constant(-(2**15), "int32", lanes=lanes)
    high = constant(2**15 - 1, "int32", lanes=lanes)
    return convert(T.max(T.min(value, high), low), "int16", lanes=lanes)


def _write_sign(value: Expr, memory: Memory, *, port: str, place: Place, unit: VectorUnit) -> None:
    lanes, width = place.lanes, place.tiles.bits_width
    word, flip = memory.words(port, width), memory.words(f"{port}_flip", width)[place.word]
    threshold = load(memory[f"{port}_threshold"], place.channel, lanes)
    if unit.sign_bits == "turns":
        turned = T.shift_right(flip, T.Cast("uint32", place.turn))
        bit = T.Cast("uint32", value < threshold) ^ turned
        found = _with_bit(word[place.bits], bit, turns=place.tiles.turns)
    else:
        found = T.Cast(f"uint{width}", SIGN_BITS[unit.sign_bits](value, threshold, lanes)) ^ flip
    T.buffer_store(word, found, [place.bits])


def _with_bit(word: Expr, bit: Expr, *, turns: int) -> Expr:
    """A word that a bit, the lowest of its own word, is shifted into, from the top of `turns`.

    After as many turns, nothing is left in it of what it held before.
    """
    top = tirx.const(turns - 1, "uint32")
    rest = T.shift_right(word, tirx.const(1, "uint32")) & tirx.const(2 ** (turns - 1) - 1, "uint32")
    return rest | T.shift_left(bit & tirx.const(1, "uint32"), top)
