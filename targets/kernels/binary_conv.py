"""Binary convolution: xor, count bits, requantize, write all outputs.

A tile of pixels x channels is held in registers. Channels are the lanes of its vectors: a word of
the input is the same for all of them, a vector of weights the same for all pixels.
"""

from dataclasses import replace

from tvm.tirx.script import builder as T

from space.blocks import BinaryConv
from targets.vector_unit import VectorUnit

from .binary_tiles import binary_tiles
from .bit_sources import sources
from .byte_counts import byte_counts
from .epilogue import requantized, write_outputs
from .memory import Memory
from .vectors import in_memory, load
from .word_counts import word_counts

_COUNTS = {8: byte_counts, 32: word_counts}


def binary_conv(block: BinaryConv, memory: Memory, unit: VectorUnit) -> None:
    """Build the kernel's body."""
    read = sources(block, memory)
    activated = block.epilogue.activation != "none"
    for tile in binary_tiles(block, memory, unit):
        counts = _COUNTS[unit.count_bits](tile, read, memory["weights"])
        totals = in_memory(counts, "uint32", lanes=tile.lanes)
        # A loop, because a copy of the epilogue for each pixel takes long to compile.
        with T.serial(tile.size) as i:
            place = replace(tile.place, pixel=tile.place.pixel + i)
            total = load(totals, i * tile.lanes, tile.lanes)
            value = requantized(total, memory, place=place, activated=activated)
            write_outputs(value, memory, place=place, epilogue=block.epilogue, unit=unit)
