"""What kernels do, counted by hand."""

import pytest

from barsctl.profile import space_specs
from costmodels.kernel_work import NOMINAL, kernel_work
from space.blocks import BinaryConv, Block, Classifier, Conv, Epilogue, Pool, Sum
from space.presets import SPACES, named_space
from targets.kernel_specs import KernelSpec
from targets.vector_unit import AVX2, AVX512, NEON_ARMV7, NEON_ARMV8, SSE, VectorUnit


def work(block: Block, unit: VectorUnit) -> dict[str, float]:
    """What is done at all."""
    return {name: amount for name, amount in kernel_work(KernelSpec(block), unit).items() if amount}


def test_binary_convolution_by_hand() -> None:
    # 9 taps of 2 words at 4 x 4 pixels, in two tiles of 16 lanes with 4 registers each of 32 bits;
    # the copy has 6 x 6 pixels of 2 words.
    epilogue = Epilogue("prelu", shortcuts=1, inner_signs=1)
    block = BinaryConv((32, 8), 32, kernel_size=3, stride=1, in_size=4, epilogue=epilogue)
    assert work(block, NEON_ARMV8) == {
        "counted_sixteens": 16 * 18 * 2, "counted_tiles": 16 * 18 * 2, "counted_rows": 16 * 3 * 2,
        "copied_words": 72, "copied_rows": 8,
        "scaled_sixteens": 32, "scaled_tiles": 32, "scaled_signs": 32, "convolution_calls": 1,
        "scaled_reads": 16 * 4, "scaled_writes": 16 * 4,  # registers of 8 lanes
    }  # fmt: skip


def test_odd_rows_are_counted_in_pairs_by_a_table() -> None:
    block = BinaryConv((32,), 32, kernel_size=3, stride=1, in_size=3, epilogue=Epilogue())
    assert work(block, AVX2)["counted_tiles"] == 3 * 4 * 9
    assert work(block, AVX512)["counted_tiles"] == 3 * 3 * 9 * 2


def test_image_convolution_by_hand() -> None:
    # 3 x 3 taps of 3 channels are, for each row, 2 fours, and one four of the last taps of all
    # rows; the copy is 6 x 6 x 3 bytes and 4 more, and 4 columns of 6 bytes and 4 more each.
    block = Conv(3, 24, kernel_size=3, stride=1, in_size=4, image=True, epilogue=Epilogue())
    found = work(block, AVX512)
    assert found["product_sixteens"] == 16 * 7 * 2
    assert found["copied_bytes"] == 6 * 6 * 3 + 4 + 4 * (6 + 4)


def test_sum_of_a_word_and_a_half_by_hand() -> None:
    # NEON: two tiles of the word, which change, and one behind it in a loop of its own; 16 lanes
    # are two registers of 16 bits and four of 32.
    epilogue = Epilogue(shortcuts=3, inner_stored=False, outer=True, outer_signs=1)
    assert work(Sum(48, 2, epilogue), NEON_ARMV8) == {
        "added_tiles": 4 * 3, "added_reads": 4 * 4 * 6, "added_writes": 4 * 6,
        "added_signs": 4 * 3, "changing_signs": 4 * 2, "revisited_pixels": 4,
        "widened_registers": 4 * 6, "sum_calls": 1,
    }  # fmt: skip


def test_two_shortcuts_are_added_in_16_bits() -> None:
    assert "widened_registers" not in work(Sum(32, 2, Epilogue(shortcuts=2)), NEON_ARMV8)


@pytest.mark.parametrize(
    ("out_channels", "eights", "loops"),
    [
        (16, 2, 1),
        (32, 2, 1),  # the second sixteen is a copy of the first
        (48, 4, 2),  # a second loop reads them again
    ],
)
def test_pool_reads_an_input_once_in_each_loop(out_channels: int, eights: int, loops: int) -> None:
    block = Pool("average", 16, out_channels, period=16, kernel_size=2, stride=2, in_size=4,
                 epilogue=Epilogue())  # fmt: skip
    found = work(block, NEON_ARMV8)
    assert found["pooled_eights"] == 4 * 4 * eights
    assert found["pooled_windows"] == 4 * loops


def test_pool_reads_no_channels_that_are_zero() -> None:
    block = Pool("average", 8, 16, period=16, kernel_size=2, stride=2, in_size=4,
                 epilogue=Epilogue())  # fmt: skip
    assert work(block, NEON_ARMV8)["pooled_eights"] == 4 * 4


def test_classifier_by_hand() -> None:
    # 24 channels are 32 lanes, 4 registers of NEON; 10 classes are 16 lanes, 4 of 32 bits.
    assert work(Classifier((24, 8), classes=10, in_size=7), NEON_ARMV8) == {
        "averaged_registers": 49 * 5, "dense_registers": 40 * 4,
    }  # fmt: skip


def test_tensors_beyond_the_cache_are_spilled() -> None:
    # Three tensors of 16 x 16 pixels, 32 channels and 2 bytes each.
    block = Sum(32, 16, Epilogue(shortcuts=2))
    assert work(block, AVX512)["spilled_bytes"] == 3 * 2**14 - 2**15


@pytest.mark.parametrize("unit", [SSE, AVX2, AVX512, NEON_ARMV7, NEON_ARMV8])
def test_all_work_has_a_nominal_price(unit: VectorUnit) -> None:
    specs = space_specs([named_space(name) for name in SPACES])
    found = {name for spec in specs for name in kernel_work(spec, unit)}
    assert found == set(NOMINAL)
