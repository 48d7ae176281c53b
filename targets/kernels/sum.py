"""The sum of real tensors."""

from tvm.tirx.script import builder as T

from space.blocks import Sum
from targets.vector_unit import VectorUnit

from .epilogue import Place, write_outputs
from .memory import Memory
from .tiles import lane_tiles
from .vectors import constant


def add_shortcuts(block: Sum, memory: Memory, unit: VectorUnit) -> None:
    """Build the kernel's body."""
    for tiles in lane_tiles(block.channels, unit):
        with (
            T.serial(block.size**2) as pixel,
            T.serial(tiles.count) as group,
            T.serial(tiles.pieces) as piece,
        ):
            place = Place(block.channels, tiles, group, piece, pixel)
            nothing = constant(0, "int32", lanes=tiles.lanes)
            write_outputs(nothing, memory, place=place, epilogue=block.epilogue, unit=unit)
