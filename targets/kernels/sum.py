"""The sum of real tensors."""

from space.blocks import Sum
from targets.vector_unit import VectorUnit

from .epilogue import Place, write_outputs
from .memory import Memory
from .tiles import lane_tiles, shared
from .vectors import constant


def add_shortcuts(block: Sum, memory: Memory, unit: VectorUnit) -> None:
    """Build the kernel's body."""
    for tiles in lane_tiles(block.channels, unit.lanes):
        steps = (block.size**2, tiles.count, tiles.pieces)
        with shared(steps, memory) as (pixel, group, piece), tiles.in_turn() as turn:
            place = Place(block.channels, tiles, group, piece, pixel, turn)
            nothing = constant(0, "int32", lanes=tiles.lanes)
            write_outputs(nothing, memory, place=place, epilogue=block.epilogue, unit=unit)
