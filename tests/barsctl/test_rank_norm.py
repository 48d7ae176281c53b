import torch
from torch import Tensor, nn
from torch.nn import functional as F

from barsctl.rank_norm import _NormsOverRanks, batch_norm
from tests.barsctl.tiny_runs import CPU


def answers(norm: nn.Module, x: Tensor) -> list[Tensor]:
    """Values, gradients and statistics of a norm in one step."""
    x = x.clone().requires_grad_()
    y = norm(x)
    (y * torch.arange(y.numel(), device=CPU).view_as(y).sin()).sum().backward()
    gradients = [x.grad, *(each.grad for each in norm.parameters())]
    return [y.detach(), *(each for each in gradients if each is not None), *norm.buffers()]


def test_norm_of_one_process_is_torchs_own() -> None:
    generator = torch.Generator().manual_seed(0)
    for shape, make in (((5, 3, 4, 2), nn.BatchNorm2d), ((6, 3), nn.BatchNorm1d)):
        x = torch.randn(shape, generator=generator, dtype=torch.float64) * 3 + 100
        plain = answers(make(3, dtype=torch.float64), x)
        with _NormsOverRanks():
            spread = answers(make(3, dtype=torch.float64), x)
        for one, other in zip(plain, spread, strict=True):
            torch.testing.assert_close(other, one, rtol=1e-9, atol=1e-9)


def test_norm_keeps_half_precision_and_layout() -> None:
    x = torch.ones(2, 3, 4, 4, dtype=torch.bfloat16).to(memory_format=torch.channels_last)
    y = batch_norm(x, torch.zeros(3), torch.ones(3), torch.ones(3), torch.zeros(3), True)
    assert y.dtype == torch.bfloat16
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert y.count_nonzero() == 0


def test_evaluating_norm_reads_its_statistics() -> None:
    x, ones = torch.full((2, 3), 5.0), torch.ones(3)
    found = batch_norm(x, 4 * ones, ones, 2 * ones, ones, eps=0.0)
    assert torch.equal(found, torch.full((2, 3), 3.0))
    assert torch.equal(found, F.batch_norm(x, 4 * ones, ones, 2 * ones, ones, eps=0.0))
