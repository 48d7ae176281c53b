"""Which register tiles a kernel may have, and a kernel with one of them."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from space.blocks import BinaryConv, Conv

from .kernel_specs import KernelSpec
from .vector_unit import Tile, VectorUnit

Tiles = Mapping[KernelSpec, Tile]
NO_TILES: Tiles = MappingProxyType({})


def candidate_tiles(spec: KernelSpec, unit: VectorUnit) -> tuple[Tile, ...]:
    """The tiles that tuning tries, the untuned one first; none where a kernel has no tile."""
    match spec.block:
        case BinaryConv():
            return tuple(dict.fromkeys((unit.binary, *unit.tuned_tiles)))
        case Conv():
            return tuple(dict.fromkeys((unit.conv, *unit.tuned_tiles)))
    return ()


def tiled(unit: VectorUnit, spec: KernelSpec, tile: Tile | None) -> VectorUnit:
    """The processor with a kernel's own tile, if it has one."""
    if tile is None:
        return unit
    is_binary = isinstance(spec.block, BinaryConv)
    return replace(unit, binary=tile) if is_binary else replace(unit, conv=tile)
