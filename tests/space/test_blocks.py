"""Blocks refuse shapes that no kernel could have, and know their sizes."""

import pytest

from space.blocks import BinaryConv, Classifier, Conv, Epilogue, MaxPool, Pool, Sum, is_sign, ports
from space.errors import SpaceError


def test_ports_follow_the_kernels_order() -> None:
    epilogue = Epilogue(inner_signs=2, outer=True, outer_signs=1)
    assert epilogue.ports == ("inner", "inner_sign0", "inner_sign1", "outer", "outer_sign0")
    assert [is_sign(port) for port in epilogue.ports] == [False, True, True, False, True]


def test_classifier_writes_logits_alone() -> None:
    assert ports(Classifier((8,), 10, 7)) == ("logits",)


@pytest.mark.parametrize(
    ("kernel_size", "stride", "in_size", "out_size"),
    # 5x5 stride 2 over 28: windows start at -2, 0, ..., 24, the last one ending at 28 (padded).
    [(5, 2, 28, 14), (3, 2, 7, 4), (1, 1, 7, 7), (1, 2, 7, 4), (7, 4, 224, 56)],
)
def test_convolution_sizes(kernel_size: int, stride: int, in_size: int, out_size: int) -> None:
    assert BinaryConv((8,), 8, kernel_size, stride, in_size, Epilogue()).out_size == out_size
    conv = Conv(8, 8, kernel_size, stride, in_size, image=False, epilogue=Epilogue())
    assert conv.out_size == out_size


def test_average_pool_drops_an_odd_border() -> None:
    assert Pool("average", 8, 8, 8, 2, 2, 7, Epilogue()).out_size == 3


def test_max_pool_is_padded() -> None:
    assert Pool("max", 8, 8, 8, 3, 2, 7, Epilogue()).out_size == 4


def test_pooled_convolution_has_two_sizes() -> None:
    conv = Conv(3, 8, 7, 2, 224, image=True, epilogue=Epilogue(), max_pool=MaxPool(3, 2))
    assert (conv.conv_size, conv.out_size) == (112, 56)
    # 7 pixels, of which windows start at -1, 1, 3 and 5, the last one ending at 7 (padded).
    odd = Conv(3, 8, 3, 2, 13, image=True, epilogue=Epilogue(), max_pool=MaxPool(3, 2))
    assert (odd.conv_size, odd.out_size) == (7, 4)


def test_pool_without_a_step_is_refused() -> None:
    with pytest.raises(SpaceError, match="stride=0 must be at least 1"):
        MaxPool(3, 0)


def test_reduction_counts_all_sources() -> None:
    assert BinaryConv((8, 16), 8, 3, 1, 4, Epilogue()).reduction == 24 * 9


def test_epilogue_must_write_something() -> None:
    with pytest.raises(SpaceError, match="writes nothing"):
        Epilogue(inner_stored=False)


def test_outer_signs_need_an_outer_value() -> None:
    with pytest.raises(SpaceError, match="need outer=True"):
        Epilogue(outer_signs=1)


def test_counts_of_signs_are_not_negative() -> None:
    with pytest.raises(SpaceError, match="must not be negative"):
        Epilogue(inner_signs=-1)


def test_even_kernels_are_refused() -> None:
    with pytest.raises(SpaceError, match="kernel_size=2 must be odd"):
        BinaryConv((8,), 8, 2, 1, 4, Epilogue())
    with pytest.raises(SpaceError, match="kernel_size=4 must be odd"):
        Conv(8, 8, 4, 1, 4, image=False, epilogue=Epilogue())


def test_convolution_without_sources_is_refused() -> None:
    with pytest.raises(SpaceError, match="at least one source"):
        BinaryConv((), 8, 3, 1, 4, Epilogue())
    with pytest.raises(SpaceError, match="at least one source"):
        Classifier((), 10, 4)


def test_zero_channels_are_refused() -> None:
    with pytest.raises(SpaceError, match="out_channels=0 must be at least 1"):
        BinaryConv((8,), 0, 3, 1, 4, Epilogue())


def test_sum_has_shortcuts_and_no_activation() -> None:
    with pytest.raises(SpaceError, match="at least one shortcut"):
        Sum(8, 4, Epilogue())
    with pytest.raises(SpaceError, match="no activation"):
        Sum(8, 4, Epilogue("relu", shortcuts=1))


def test_average_pool_has_no_overlap() -> None:
    with pytest.raises(SpaceError, match="kernel_size = stride"):
        Pool("average", 8, 8, 8, 3, 2, 4, Epilogue())
