"""Global average pool and dense layer in one kernel."""

from tvm import tirx
from tvm.tirx.script import builder as T

from space.blocks import Classifier
from targets.layouts import padded_channels
from targets.vector_unit import VectorUnit

from .memory import Memory
from .tiles import lane_tiles, shared
from .vectors import Buffer, Expr, accumulator, add_to, constant, convert, load, splat, store

# Up to here, twice a sum of int16 plus pixels << feature_shift (at most 16) fits int32.
_MOST_INT32_PIXELS = 2**13


def classifier(block: Classifier, memory: Memory, unit: VectorUnit) -> None:
    """Build the kernel's body. Every share computes all features, which each logit needs."""
    _write_features(block, memory, unit)
    _write_logits(block, memory, unit)


def _write_features(block: Classifier, memory: Memory, unit: VectorUnit) -> None:
    first = 0
    for i, channels in enumerate(block.in_channels):
        pixel = padded_channels(channels)
        for tiles in lane_tiles(channels, unit.lanes):
            with T.serial(tiles.total) as tile:
                lanes, channel = tiles.lanes, tiles.first + tile * tiles.lanes
                total = accumulator("int32", lanes)
                with T.serial(block.in_size**2) as position:
                    value = load(memory[f"source{i}"], position * pixel + channel, lanes)
                    add_to(total, convert(value, "int32", lanes=lanes), lanes)
                feature = _feature(load(total, 0, lanes), block.in_size**2, memory, lanes=lanes)
                store(memory["scratch"], first + channel, feature, lanes=lanes)
        first += pixel


def _feature(total: Expr, pixels: int, memory: Memory, *, lanes: int) -> Expr:
    """floor((2 * total + d) / (2 * d)), d = pixels << feature_shift: first by pixels, then shifted.

    Flooring twice is flooring once by the product.
    """
    dtype = "int32" if pixels <= _MOST_INT32_PIXELS else "int64"
    shift = T.Cast(dtype, memory["feature_shift"][0])
    half = splat(T.shift_left(tirx.const(pixels, dtype), shift), lanes)
    total = convert(total, dtype, lanes=lanes)
    quotient = tirx.floordiv(total + total + half, constant(2 * pixels, dtype, lanes=lanes))
    return convert(T.shift_right(quotient, splat(shift, lanes)), "int16", lanes=lanes)


def _write_logits(block: Classifier, memory: Memory, unit: VectorUnit) -> None:
    features = sum(map(padded_channels, block.in_channels))
    classes = padded_channels(block.classes)
    for tiles in lane_tiles(block.classes, unit.lanes):
        with shared((tiles.total,), memory) as (tile,):
            lanes, first = tiles.lanes, tiles.first + tile * tiles.lanes
            total = accumulator("int32", lanes)
            add_to(total, load(memory["bias"], first, lanes), lanes)
            with T.serial(features) as i:
                feature = splat(T.Cast("int32", memory["scratch"][i]), lanes)
                weights = load(memory["weights"], i * classes + first, lanes)
                add_to(total, feature * convert(weights, "int32", lanes=lanes), lanes)
            _store_logits(total, block, memory, first=first, lanes=lanes)


def _store_logits(
    total: Buffer, block: Classifier, memory: Memory, *, first: Expr, lanes: int
) -> None:
    """The logits end with the classes; lanes that fill up the last vector are dropped."""
    with T.serial(T.min(lanes, block.classes - first)) as lane:
        T.buffer_store(memory["logits"], total[lane], [first + lane])
