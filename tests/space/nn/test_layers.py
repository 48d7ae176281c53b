"""Modules of single blocks."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from space.blocks import BinaryConv, Conv, Epilogue, MaxPool, Sum
from space.nn.layers import (
    BinaryConvOperator,
    BlockLayer,
    ConvOperator,
    ImageConvOperator,
    PReLU,
    activation_module,
    duplicate_channels,
    pooled_globally,
)


def test_channels_repeat_after_a_period() -> None:
    x = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1)
    assert duplicate_channels(x, 7, period=3).flatten().tolist() == [1, 2, 3, 1, 2, 3, 1]


def test_missing_channels_are_zero() -> None:
    x = torch.tensor([1.0, 2.0]).view(1, 2, 1, 1)
    assert duplicate_channels(x, 7, period=4).flatten().tolist() == [1, 2, 0, 0, 1, 2, 0]


def test_channels_behind_the_period_are_dropped() -> None:
    x = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1)
    assert duplicate_channels(x, 3, period=2).flatten().tolist() == [1, 2, 1]


def test_image_is_padded_with_black_pixels() -> None:
    block = Conv(2, 3, 3, 1, 4, image=True, epilogue=Epilogue())
    mean, std = torch.tensor([100.0, 30.0]), torch.tensor([50.0, 60.0])
    operator = ImageConvOperator(block, mean, std).double()
    pixels = torch.arange(32.0, dtype=torch.float64).view(1, 2, 4, 4) * 7
    normalised = (F.pad(pixels, (1, 1, 1, 1)) - mean.view(2, 1, 1)) / std.view(2, 1, 1)
    # Powers of two times 127 lie on the int8 grid.
    with torch.no_grad():
        operator.weight.copy_(torch.ones(3, 2, 3, 3) * operator.pixel_std.view(2, 1, 1))
    found = operator.total([pixels])
    torch.testing.assert_close(found, F.conv2d(normalised, operator.weight))


def test_values_are_pooled_behind_the_activation() -> None:
    block = Conv(1, 1, 1, 1, 2, False, Epilogue("prelu", inner_signs=1), MaxPool(3, 2))
    operator = ConvOperator(block)
    nn.init.ones_(operator.weight)
    operator.affine.norm.eps = 0.0
    nn.init.constant_(operator.get_parameter("affine.activation.slopes"), -0.25)
    layer = BlockLayer(block, operator, {"inner_sign0"}).eval()
    # With such a slope, -16 becomes the largest.
    written = layer([torch.tensor([-8.0, -4.0, -16.0, 3.0]).view(1, 1, 2, 2)], [], None)
    assert written["inner"].tolist() == [[[[4.0]]]]
    assert written["inner_sign0"].tolist() == [[[[0.0]]]]


def test_activations_act_on_negative_values() -> None:
    x = torch.tensor([-4.0, 4.0]).view(1, 1, 2, 1)
    found = {kind: activation_module(kind, 1)(x).flatten().tolist()
             for kind in ("none", "relu", "prelu")}  # fmt: skip
    assert found == {"none": [-4, 4], "relu": [0, 4], "prelu": [-1, 4]}


def test_prelu_has_a_slope_per_channel() -> None:
    assert PReLU(5).slopes.tolist() == [0.25] * 5


def test_global_pool_keeps_the_layout_in_its_gradient() -> None:
    x = torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last).requires_grad_()
    pooled = pooled_globally(x)
    torch.testing.assert_close(pooled, x.mean((2, 3)))
    pooled.sum().backward()
    assert x.grad is not None
    assert x.grad.is_contiguous(memory_format=torch.channels_last)


def test_binary_sums_have_the_parity_of_their_terms() -> None:
    operator = BinaryConvOperator(BinaryConv((3, 2), 4, 3, 1, 5, Epilogue()))
    bits = [torch.ones(1, 3, 5, 5), torch.zeros(1, 2, 5, 5)]
    total = operator.total(bits)
    # 45 terms of +1 or -1 each, padding included: a third value could make an even sum.
    assert torch.equal(total % 2, torch.ones_like(total))
    assert float(total.detach().abs().max()) <= 45


def test_sum_adds_its_shortcuts_and_the_outer_one() -> None:
    block = Sum(1, 1, Epilogue(shortcuts=2, outer=True, outer_signs=1))
    layer = BlockLayer(block, None, {"outer"})
    one, two, four = (torch.full((1, 1, 1, 1), value) for value in (1.0, 2.0, 4.0))
    written = layer([], [one, two], four)
    assert {port: float(tensor) for port, tensor in written.items()} == {"inner": 3, "outer": 7}


@pytest.mark.parametrize("live", [True, False])
def test_only_live_signs_exist(live: bool) -> None:
    block = Sum(1, 1, Epilogue(shortcuts=1, inner_signs=1))
    layer = BlockLayer(block, None, {"inner_sign0"} if live else set())
    assert len(list(layer.parameters())) == (2 if live else 0)
    shortcut = torch.tensor([-1.0, 3.0]).view(2, 1, 1, 1)
    assert ("inner_sign0" in layer([], [shortcut], None)) == live
