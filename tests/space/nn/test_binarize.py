"""Binary values, their gradients, and convolutions over bits."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from space.nn.binarize import (
    BatchNormSign,
    binary_conv2d,
    binary_sign,
    int8_weights,
    prelu,
    rounded_to_int8,
    sign_bits,
)

JUST_OUTSIDE = 1 + 2.0**-23
POINTS = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, JUST_OUTSIDE, -JUST_OUTSIDE, 3.0, -3.0]
SIGNS = [1.0, 1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0]
PASSES = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]


def points() -> Tensor:
    return torch.tensor(POINTS, requires_grad=True)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_sign_is_never_zero() -> None:
    assert binary_sign(points()).tolist() == SIGNS


def test_sign_gradient_passes_up_to_the_border() -> None:
    x = points()
    (binary_sign(x) * 7).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [7 * each for each in PASSES]


def test_bits_are_one_where_negative() -> None:
    assert sign_bits(points()).tolist() == [(1 - sign) / 2 for sign in SIGNS]


def test_bits_gradient_is_minus_half_the_signs() -> None:
    x = points()
    (sign_bits(x) * 7).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [-3.5 * each for each in PASSES]


@pytest.mark.parametrize(("kernel_size", "stride"), [(1, 1), (1, 2), (3, 1), (3, 2), (5, 1)])
def test_conv_pads_bits_with_plus_one(kernel_size: int, stride: int) -> None:
    x = random(2, 3, 7, 7)
    weight = binary_sign(random(4, 3, kernel_size, kernel_size, seed=1))
    border = kernel_size // 2
    padded = F.pad(binary_sign(x), (border,) * 4, value=1.0)
    found = binary_conv2d(sign_bits(x), weight, stride=stride)
    assert torch.equal(found, F.conv2d(padded, weight, stride=stride))


@pytest.mark.parametrize("channels", [16, 128])
def test_mixed_precision_keeps_sums_of_signs_exact(channels: int) -> None:
    bits = sign_bits(random(2, channels, 6, 6).float())
    weight = binary_sign(random(8, channels, 3, 3, seed=1).float())
    exact = binary_conv2d(bits, weight, stride=1)
    with torch.autocast("cpu", torch.bfloat16):
        found = binary_conv2d(bits, weight, stride=1)
    assert found.dtype == torch.float32
    assert torch.equal(found, exact)


def test_conv_gradients_are_those_of_signs() -> None:
    gradients = []
    for bits in (True, False):
        x = random(2, 3, 5, 5).requires_grad_()
        latent = random(4, 3, 3, 3, seed=1).requires_grad_()
        weight = binary_sign(latent)
        padded = F.pad(binary_sign(x), (1,) * 4, value=1.0)
        total = binary_conv2d(sign_bits(x), weight, stride=1) if bits else F.conv2d(padded, weight)
        (total * random(*total.shape, seed=2)).sum().backward()
        gradients.append((x.grad, latent.grad))
    torch.testing.assert_close(gradients[0], gradients[1])


def test_prelu_equals_the_library_one() -> None:
    gradients = []
    for function in (prelu, F.prelu):
        x, slopes = random(2, 3, 4, 4).requires_grad_(), random(3, seed=1).requires_grad_()
        activated = function(x, slopes)
        (activated * random(*activated.shape, seed=2)).sum().backward()
        gradients.append((activated.detach(), x.grad, slopes.grad))
    torch.testing.assert_close(gradients[0], gradients[1])


def test_prelu_keeps_its_type_under_mixed_precision() -> None:
    x, slopes = torch.ones(2, 3, 4, 4, dtype=torch.bfloat16), torch.ones(3, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        found = [prelu(x.requires_grad_(), slopes), prelu(x.float(), slopes)]
    assert [each.dtype for each in found] == [torch.bfloat16, torch.float32]
    for each in found:
        each.sum().backward()
    assert slopes.grad is not None
    assert slopes.grad.dtype == torch.float32


def test_int8_weights_are_scaled_per_channel() -> None:
    weight = torch.tensor([[2.54, -1.27, 0.013], [0.0, 0.0, 0.0]]).view(2, 3, 1, 1)
    integers, scale = int8_weights(weight)
    # Channel 0: the scale is 2.54 / 127 = 0.02, and 0.013 / 0.02 = 0.65. A channel of zeros keeps.
    assert integers.view(2, 3).tolist() == [[127, -64, 1], [0, 0, 0]]
    torch.testing.assert_close(scale.view(2), torch.tensor([0.02, 1 / 127]))


def test_rounding_passes_the_gradient_unchanged() -> None:
    weight = random(2, 3, 1, 1).requires_grad_()
    rounded = rounded_to_int8(weight)
    integers, scale = int8_weights(weight)
    torch.testing.assert_close(rounded, integers * scale)
    rounded.sum().backward()
    assert weight.grad is not None
    assert torch.equal(weight.grad, torch.ones_like(weight))


def test_evaluation_statistics_outlast_two_batches() -> None:
    sign = BatchNormSign(1)
    for _ in range(100):
        sign(torch.zeros(4, 1, 2, 2))
    for _ in range(2):
        sign(torch.full((4, 1, 2, 2), 10.0))
    # Momentum 0.1: 10 x (1 - 0.9 x 0.9); with 0.9 these two batches would give 9.9.
    torch.testing.assert_close(sign.running_mean, torch.tensor([1.9]))
