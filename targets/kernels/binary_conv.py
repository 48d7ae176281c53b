"""Binary convolution: xor, count bits, requantize, write all outputs.

A tile of pixels x channels is held in registers. Channels are the lanes of its vectors: a word of
the input is the same for all of them, a vector of weights the same for all pixels.
"""

from collections.abc import Callable
from functools import partial

from space.blocks import BinaryConv
from targets.kernel_specs import signs_compare_counts
from targets.pair_table import counts_by_table
from targets.vector_unit import VectorUnit

from .binary_tiles import BinaryTile, binary_tiles
from .bit_sources import sources
from .byte_counts import byte_counts
from .epilogue import requantized, write_outputs, write_signs_of_counts
from .memory import Memory
from .nibble_counts import nibble_counts
from .pair_counts import pair_counts, write_offsets
from .vectors import Expr, looped
from .word_counts import word_counts


def binary_conv(block: BinaryConv, memory: Memory, unit: VectorUnit) -> None:
    """Build the kernel's body."""
    count = _counter(block, memory, unit)
    write = _write_signs if signs_compare_counts(block) else _write_values
    for tile in binary_tiles(block, memory, unit):
        write(count(tile), tile, memory, unit)


def _counter(
    block: BinaryConv, memory: Memory, unit: VectorUnit
) -> Callable[[BinaryTile], list[Expr]]:
    """Prepare the sources; return what counts the differing bits of a tile's pixels."""
    if counts_by_table(block, unit):
        write_offsets(block, memory)
        return partial(pair_counts, memory=memory)
    read, weights = sources(block, memory), memory["weights"]
    if unit.count_bits == 32:
        return partial(word_counts, sources=read, weights=weights)
    if unit.count_bits == 1:
        return partial(nibble_counts, sources=read, weights=weights)
    return partial(byte_counts, unit=unit, sources=read, weights=weights)


def _write_signs(counts: list[Expr], tile: BinaryTile, memory: Memory, unit: VectorUnit) -> None:
    for i, count in enumerate(counts):
        write_signs_of_counts(
            count, memory, place=tile.pixel_place(i), epilogue=tile.block.epilogue, unit=unit
        )


def _write_values(counts: list[Expr], tile: BinaryTile, memory: Memory, unit: VectorUnit) -> None:
    epilogue = tile.block.epilogue
    for i, total in looped(counts, "uint32", lanes=tile.lanes):
        place = tile.pixel_place(i)
        activated = epilogue.activation != "none"
        value = requantized(total, memory, place=place, activated=activated)
        write_outputs(value, memory, place=place, epilogue=epilogue, unit=unit)
