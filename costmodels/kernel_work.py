"""What a kernel does, as amounts of a few kinds of work that each have a price per unit.

Amounts follow from a block's shapes and from how a processor cuts its channels: into tiles, which
hold registers. Some processors do a narrow tile as fast as a full one, others do not: what most of
the time goes to is counted both ways. Amounts are of all pixels together.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from space.blocks import BinaryConv, Classifier, Conv, Epilogue, Pool, Sum
from targets.binary_grid import binary_grid
from targets.kernel_specs import KernelSpec, arguments
from targets.layouts import Group, conv_taps, groups, padded_channels
from targets.pair_table import counts_by_table
from targets.vector_unit import Tile, VectorUnit

# What a unit of each kind of work costs beside the others: about its instructions.
NOMINAL: Mapping[str, float] = {
    # Binary convolutions. xor, count and add of a word, for its lanes and for its tile; kernel rows
    # of tiles, which are loops, and behind which sums are widened.
    "counted_sixteens": 1.0,
    "counted_tiles": 1.0,
    "counted_rows": 1.0,
    # Words of the padded copy, and rows of every source.
    "copied_words": 1.0,
    "copied_rows": 8.0,
    # int8 convolutions: products of four taps; bytes of the copy.
    "product_sixteens": 2.0,
    "copied_bytes": 1.0,
    # What follows the sums of either, in 32 bits: scale, offset and activation of lanes, and
    # of tiles, which are narrowed. For each tensor shortcuts read, outputs written, signs packed.
    "scaled_sixteens": 8.0,
    "scaled_tiles": 8.0,
    "scaled_reads": 1.0,
    "scaled_writes": 1.0,
    "scaled_signs": 3.0,
    "convolution_calls": 100.0,
    # The same of sums and pools, in 16 bits.
    "added_tiles": 4.0,
    "added_reads": 1.0,
    "added_writes": 1.0,
    "added_signs": 3.0,
    # Signs whose thresholds are loaded anew, because the tile before was of other channels.
    "changing_signs": 1.0,
    # Pixels that one more loop visits, for channels that do not fill a word.
    "revisited_pixels": 10.0,
    # Sums of three shortcuts and more need 32 bits: the registers that this adds.
    "widened_registers": 3.0,
    "sum_calls": 30.0,
    # Pools: eights of channels under the windows, and windows.
    "pooled_eights": 1.0,
    "pooled_windows": 10.0,
    # Classifiers: the pool over all pixels, and features times the registers of classes.
    "averaged_registers": 2.0,
    "dense_registers": 1.0,
    # Bytes of tensors beyond a first cache.
    "spilled_bytes": 0.02,
}
# The first data cache of most processors, small and large.
_CACHE_BYTES = 2**15
# Padded channels come in multiples of these.
_EIGHT = 8


def kernel_work(spec: KernelSpec, unit: VectorUnit) -> dict[str, float]:
    """The amounts of work, by the names of NOMINAL, that a kernel does on a processor."""
    block = spec.block
    found: dict[str, float]
    match block:
        case BinaryConv():
            found = _binary_conv_work(block, unit) | _scaled_work(block, unit, unit.binary)
        case Conv():
            found = _conv_work(block, unit) | _scaled_work(block, unit, unit.conv)
        case Sum():
            found = _sum_work(block, unit) | _added_work(block, unit)
        case Pool():
            found = _pool_work(block) | _added_work(block, unit)
        case Classifier():
            return _classifier_work(block, unit)
    return found | _memory_work(spec, unit)


@dataclass(frozen=True, slots=True)
class _Vectors:
    """The vectors of one pixel.

    sixteens: of padded channels. changing: tiles beside others in one loop. narrow, wide: registers
    of 16- and of 32-bit lanes. loops: over all pixels, one for each size of tiles.
    """

    sixteens: float
    tiles: int
    changing: int
    narrow: int
    wide: int
    loops: int


def _vectors(channels: int, unit: VectorUnit, *, most_lanes: int) -> _Vectors:
    tiles = changing = narrow = wide = loops = 0
    for group_lanes, alike in groupby(group.lanes for group in groups(channels)):
        lanes = min(group_lanes, most_lanes)
        count = len(list(alike)) * (group_lanes // lanes)
        tiles += count
        changing += count if count > 1 else 0
        narrow += count * -(-16 * lanes // unit.vector_bits)
        wide += count * -(-32 * lanes // unit.vector_bits)
        loops += 1
    sixteens = padded_channels(channels) / 16
    return _Vectors(sixteens, tiles, changing, narrow, wide, loops)


def _binary_conv_work(block: BinaryConv, unit: VectorUnit) -> dict[str, float]:
    grid, k = binary_grid(block), block.kernel_size
    vectors = _vectors(block.out_channels, unit, most_lanes=unit.binary.lanes)
    by_table = counts_by_table(block, unit)
    # A table counts for two pixels at a time.
    pixels = grid.out_rows * (grid.out_columns + (grid.out_columns % 2 if by_table else 0))
    taps = k**2 * grid.words
    return {
        "counted_sixteens": pixels * taps * vectors.sixteens,
        "counted_tiles": pixels * taps * vectors.tiles,
        "counted_rows": pixels * (k if k > 1 else len(block.in_channels)) * vectors.tiles,
        "copied_rows": block.in_size * len(block.in_channels) if k > 1 or by_table else 0,
    }


def _conv_work(block: Conv, unit: VectorUnit) -> dict[str, float]:
    vectors = _vectors(block.out_channels, unit, most_lanes=unit.conv.lanes)
    fours = conv_taps(block.in_channels, block.kernel_size).fours
    return {"product_sixteens": block.out_size**2 * fours * vectors.sixteens}


def _scaled_work(block: BinaryConv | Conv, unit: VectorUnit, tile: Tile) -> dict[str, float]:
    vectors = _vectors(block.out_channels, unit, most_lanes=tile.lanes)
    pixels, epilogue = block.out_size**2, block.epilogue
    return {
        "scaled_sixteens": pixels * vectors.sixteens,
        "scaled_tiles": pixels * vectors.tiles,
        "scaled_reads": pixels * _reads(epilogue) * vectors.narrow,
        "scaled_writes": pixels * _writes(epilogue) * vectors.narrow,
        "scaled_signs": pixels * _signs(epilogue) * vectors.tiles,
        "convolution_calls": 1,
    }


def _sum_work(block: Sum, unit: VectorUnit) -> dict[str, float]:
    vectors = _vectors(block.channels, unit, most_lanes=unit.lanes)
    pixels, epilogue = block.size**2, block.epilogue
    widened = vectors.wide - vectors.narrow if epilogue.shortcuts > 2 else 0
    return {
        "added_tiles": pixels * vectors.tiles,
        "changing_signs": pixels * _signs(epilogue) * vectors.changing,
        "widened_registers": pixels * widened,
        "sum_calls": 1,
    }


def _pool_work(block: Pool) -> dict[str, float]:
    pixels, taps = block.out_size**2, block.kernel_size**2
    by_size = [list(alike) for _, alike in groupby(groups(block.out_channels), _lanes)]
    # A loop reads an input once, however many outputs it is copied to.
    eights = sum(len(set(_input_eights(block, alike))) for alike in by_size)
    return {"pooled_eights": pixels * taps * eights, "pooled_windows": pixels * len(by_size)}


def _lanes(group: Group) -> int:
    return group.lanes


def _input_eights(block: Pool, outputs: Iterable[Group]) -> Iterator[int]:
    """First channels of the inputs that groups of outputs read."""
    for group in outputs:
        for first in range(group.first, group.first + group.lanes, _EIGHT):
            if first % block.period < block.in_channels:
                yield first % block.period


def _added_work(block: Sum | Pool, unit: VectorUnit) -> dict[str, float]:
    vectors = _vectors(block.out_channels, unit, most_lanes=unit.lanes)
    pixels, epilogue = block.out_size**2, block.epilogue
    return {
        "added_reads": pixels * _reads(epilogue) * vectors.narrow,
        "added_writes": pixels * _writes(epilogue) * vectors.narrow,
        "added_signs": pixels * _signs(epilogue) * vectors.tiles,
        "revisited_pixels": pixels * (vectors.loops - 1),
    }


def _classifier_work(block: Classifier, unit: VectorUnit) -> dict[str, float]:
    sources = [_vectors(each, unit, most_lanes=unit.lanes) for each in block.in_channels]
    classes = _vectors(block.classes, unit, most_lanes=unit.lanes)
    return {
        "averaged_registers": block.in_size**2 * sum(each.narrow for each in sources),
        "dense_registers": sum(map(padded_channels, block.in_channels)) * classes.wide,
    }


def _memory_work(spec: KernelSpec, unit: VectorUnit) -> dict[str, float]:
    """What scratch buffers are filled with, and what a first cache does not hold."""
    found = [each for each in arguments(spec, unit) if each.role != "constant"]
    copied = "copied_words" if isinstance(spec.block, BinaryConv) else "copied_bytes"
    return {
        copied: sum(each.count for each in found if each.role == "scratch"),
        "spilled_bytes": max(0, sum(each.size_bytes for each in found) - _CACHE_BYTES),
    }


def _reads(epilogue: Epilogue) -> int:
    return epilogue.shortcuts + epilogue.outer


def _writes(epilogue: Epilogue) -> int:
    return epilogue.inner_stored + epilogue.outer


def _signs(epilogue: Epilogue) -> int:
    return epilogue.inner_signs + epilogue.outer_signs
