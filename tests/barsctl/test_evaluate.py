import pytest
import torch
from torch import nn

from barsctl.batches import Batch
from barsctl.evaluate import Tally, accuracy, reestimate_batch_norm


def batches(*means: float) -> list[Batch]:
    """Batches of two pixels each, a mean -+ 1: their variance is 1 (unbiased 2)."""
    pixels = [torch.tensor([mean - 1, mean + 1]).view(2, 1, 1, 1) for mean in means]
    return [Batch(each, torch.zeros(2, dtype=torch.int64)) for each in pixels]


def test_statistics_become_the_mean_over_batches() -> None:
    network = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.BatchNorm1d(1))
    for norm in (network[0], network[2]):
        assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d)
        norm.running_mean = torch.full((1,), 500.0)
    reestimate_batch_norm(network, batches(10.0, 20.0, 60.0))
    first, second = network[0], network[2]
    assert float(first.get_buffer("running_mean")) == pytest.approx(30.0)
    assert float(first.get_buffer("running_var")) == pytest.approx(2.0)
    assert float(second.get_buffer("running_mean")) == pytest.approx(0.0, abs=1e-5)
    assert first.momentum == second.momentum == 0.1
    assert not network.training


def test_accuracy_counts_images_not_batches() -> None:
    first = Batch(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), torch.tensor([0, 1, 1]))
    last = Batch(torch.tensor([[1.0, 0.0]]), torch.tensor([0]))
    assert accuracy(nn.Identity(), [first, last]) == 0.75


def test_tally_is_a_mean_over_images() -> None:
    tally = Tally()
    assert (tally.loss, tally.accuracy) == (None, None)
    logits = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    tally.add(logits, torch.tensor([0, 1, 1]), torch.tensor(3.0))
    tally.add(logits[:1], torch.tensor([0]), torch.tensor(1.0))
    assert (tally.loss, tally.accuracy) == (2.5, 0.75)
