from dataclasses import replace

import numpy as np
import pytest

from space.blocks import BinaryConv, Block, Conv, Epilogue, MaxPool, ports
from space.frozen import FrozenBlock, Requantize, Threshold
from targets.errors import TargetError
from targets.kernel_constants import constants, count_threshold
from targets.kernel_specs import KernelSpec, arguments, kernel_specs
from targets.vector_unit import AVX2, AVX512, NEON_CORTEX_A76

from .kernel_blocks import BLOCKS
from .kernel_reference import random_case


def one(block: Block) -> KernelSpec:
    (spec,) = kernel_specs(block)
    return spec


def requantize(*, multiplier: int, offset: int) -> Requantize:
    pair = np.array([multiplier], np.int32), np.array([offset], np.int32)
    return Requantize(*pair, None, None, shift=4)


def test_keys_tell_all_blocks_apart() -> None:
    specs = [one(block) for block in BLOCKS]
    assert len({spec.key for spec in specs}) == len({spec.symbol for spec in specs}) == len(BLOCKS)


def test_key_names_every_field() -> None:
    block = BinaryConv((64, 24), 40, 3, 1, 14, Epilogue(shortcuts=1, inner_signs=1))
    assert one(block).key == (
        "binary_conv(in_channels=64+24,out_channels=40,kernel_size=3,stride=1,in_size=14,"
        "activation=none,shortcuts=1,inner_stored=1,inner_signs=1,outer=0,outer_signs=0)"
    )


def test_keys_name_a_pool_where_there_is_one() -> None:
    plain = Conv(3, 64, 7, 2, 224, image=True, epilogue=Epilogue())
    assert one(plain).key == (
        "conv(in_channels=3,out_channels=64,kernel_size=7,stride=2,in_size=224,image=1,"
        "activation=none,shortcuts=0,inner_stored=1,inner_signs=0,outer=0,outer_signs=0)"
    )
    pooled = replace(plain, max_pool=MaxPool(3, 2))
    added = "outer_signs=0,max_pool_kernel_size=3,max_pool_stride=2)"
    assert one(pooled).key == one(plain).key.replace("outer_signs=0)", added)


def test_relu_and_prelu_share_a_kernel() -> None:
    relu, prelu = (
        BinaryConv((8,), 8, 3, 1, 4, Epilogue(activation=name)) for name in ("relu", "prelu")
    )
    assert kernel_specs(relu) == kernel_specs(prelu)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: one(block).key)
def test_arguments_come_in_order(block: Block) -> None:
    found = arguments(one(block), AVX512)
    order = ["source", "shortcut", "outer", "constant", "scratch", "output"]
    places = [order.index(argument.role) for argument in found]
    assert places == sorted(places)
    assert tuple(each.name for each in found if each.role == "output") == ports(block)
    assert len({argument.name for argument in found}) == len(found)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: one(block).key)
def test_constants_fill_their_arguments(block: Block) -> None:
    case = random_case(block, np.random.default_rng(0))
    found = constants(one(block), case.frozen, AVX512)
    for argument in arguments(one(block), AVX512):
        if argument.role == "constant":
            array = found.pop(argument.name)
            assert (array.shape, array.dtype) == (argument.shape, np.dtype(argument.dtype))
    assert not found


def test_binary_multipliers_count_differing_bits() -> None:
    block = BinaryConv((5,), 1, 1, 1, 1, Epilogue())
    frozen = FrozenBlock(
        np.ones((1, 5, 1, 1), np.int8), requantize=requantize(multiplier=3, offset=7)
    )
    found = constants(one(block), frozen, AVX512)
    # total = 5 - 2 * differing, so 3 * total + 7 = -6 * differing + 22.
    assert (found["multiplier"][0], found["offset"][0]) == (-6, 22)


def test_signs_alone_compare_counts() -> None:
    rng = np.random.default_rng(0)
    terms, channels = 45, 400
    multiplier = rng.integers(-(2**10), 2**10, channels).astype(np.int32)
    multiplier[:20] = 0
    offset = rng.integers(-(2**18), 2**18, channels).astype(np.int32)
    numbers = Requantize(multiplier, offset, None, None, shift=4)
    sign = Threshold(
        rng.integers(-(2**15), 2**15, channels).astype(np.int16), rng.random(channels) < 0.5
    )
    threshold, flip = count_threshold(sign, numbers, terms=terms)
    for count in range(terms + 1):
        value = ((terms - 2 * count) * multiplier.astype(np.int64) + offset) >> 4
        wanted = (np.clip(value, -(2**15), 2**15 - 1) < sign.threshold) ^ sign.flip
        np.testing.assert_array_equal((count < threshold) ^ flip, wanted)


@pytest.mark.parametrize(("channels", "dtype"), [(32766, "int16"), (32767, "int32")])
def test_thresholds_hold_one_more_than_every_count(channels: int, dtype: str) -> None:
    block = BinaryConv((channels,), 1, 1, 1, 1, Epilogue(inner_stored=False, inner_signs=1))
    lowest = Threshold(np.array([-(2**15)], np.int16), np.array([False]))
    frozen = FrozenBlock(
        np.ones((1, channels, 1, 1), np.int8), requantize(multiplier=1, offset=0), (lowest,)
    )
    threshold = constants(one(block), frozen, AVX2)["inner_sign0_threshold"]
    assert threshold.dtype == dtype
    assert threshold[0] == channels + 1  # the sign is the same for every count


def test_real_sources_are_read_with_an_offset() -> None:
    block = Conv(2, 1, 1, 1, 1, False, Epilogue())
    weights = np.array([3, -1], np.int8).reshape(1, 2, 1, 1)
    frozen = FrozenBlock(weights, requantize=requantize(multiplier=3, offset=7), input_shift=2)
    found = constants(one(block), frozen, AVX512)
    # total = sum(w * (a - 128)) = sum(w * a) - 128 * 2, times 3, plus 7.
    assert (found["multiplier"][0], found["offset"][0]) == (3, 7 - 3 * 256)
    assert found["input_shift"].tolist() == [2]


def test_signed_products_read_pixels_with_an_offset() -> None:
    weights = np.array([3, -1], np.int8).reshape(1, 2, 1, 1)
    frozen = FrozenBlock(weights, requantize=requantize(multiplier=3, offset=7))
    image, real = (Conv(2, 1, 1, 1, 1, each, Epilogue()) for each in (True, False))
    # total = sum(w * (a + 128)) = sum(w * a) + 128 * 2, times 3, plus 7; a real's int8 stay.
    assert constants(one(image), frozen, NEON_CORTEX_A76)["offset"][0] == 7 + 3 * 256
    assert constants(one(real), frozen, NEON_CORTEX_A76)["offset"][0] == 7
    assert constants(one(image), frozen, AVX512)["offset"][0] == 7


def test_missing_integers_are_named() -> None:
    block = BinaryConv((8,), 8, 3, 1, 4, Epilogue(inner_signs=1))
    with pytest.raises(TargetError, match=r"binary_conv.*no weights of shape \(72,\); freeze"):
        constants(one(block), FrozenBlock(), AVX512)


def test_signs_of_another_block_are_refused() -> None:
    case = random_case(BinaryConv((8,), 8, 3, 1, 4, Epilogue()), np.random.default_rng(0))
    signed = BinaryConv((8,), 8, 3, 1, 4, Epilogue(inner_signs=1))
    with pytest.raises(TargetError, match="no inner_sign0_threshold of shape"):
        constants(one(signed), case.frozen, AVX512)
