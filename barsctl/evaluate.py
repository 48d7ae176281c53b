"""Accuracies, and batch-norm statistics that fit the network they are used in."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from .batches import Batch
from .errors import DivergedError
from .ranks import sum_over_ranks


class Tally:
    """The mean loss and the accuracy of the images seen so far, on their device until asked."""

    def __init__(self) -> None:
        self.images = 0
        self._loss: Tensor | float = 0.0
        self._right: Tensor | float = 0.0

    def add(self, logits: Tensor, labels: Tensor, loss: Tensor) -> None:
        """Count a batch: logits [count, classes], its labels and its mean loss."""
        self.images += len(labels)
        self._loss = self._loss + loss.detach().float() * len(labels)
        self._right = self._right + (logits.detach().argmax(1) == labels).sum()

    def count_all_ranks(self) -> None:
        """Count what the tallies of all processes have seen."""
        seen = [self.images, float(self._loss), float(self._right)]
        images, self._loss, self._right = sum_over_ranks(
            torch.tensor(seen, dtype=torch.float64)
        ).tolist()
        self.images = int(images)

    @property
    def loss(self) -> float | None:
        """None before the first image."""
        return float(self._loss) / self.images if self.images else None

    @property
    def accuracy(self) -> float | None:
        """A share in [0, 1]; None before the first image."""
        return float(self._right) / self.images if self.images else None


def require_finite(tally: Tally, *, epoch: int) -> None:
    """Raise DivergedError where an epoch's loss is no number."""
    if tally.loss is not None and not math.isfinite(tally.loss):
        raise DivergedError(
            f"epoch {epoch + 1}: the loss is {tally.loss:g}, the weights diverged; start again "
            "with a smaller learning rate"
        )


def accuracy(network: nn.Module, batches: Iterable[Batch]) -> float:
    """Return the share of images that the network, in evaluation mode, labels rightly."""
    right, images = _right_answers(network, batches)
    return right / images


def accuracy_over_ranks(network: nn.Module, batches: Iterable[Batch]) -> float:
    """Return the accuracy on the batches of all processes, of which each gives its part."""
    right, images = sum_over_ranks(torch.tensor(_right_answers(network, batches))).tolist()
    return float(right / images)


@torch.inference_mode()
def _right_answers(network: nn.Module, batches: Iterable[Batch]) -> tuple[int, int]:
    """Return how many images the network, in evaluation mode, labels rightly, and of how many."""
    network.eval()
    right, images = 0, 0
    for batch in batches:
        right += int((network(batch.pixels).argmax(1) == batch.labels).sum())
        images += len(batch.labels)
    return right, images


@torch.no_grad()
def reestimate_batch_norm(network: nn.Module, batches: Iterable[Batch]) -> None:
    """Replace every batch norm's running statistics by their plain mean over the batches.

    Weights that come from a supernet carry the statistics of a mixture of networks; those of the
    network itself differ enough to ruin its accuracy.
    """
    norms = [
        each for each in network.modules() if isinstance(each, nn.BatchNorm1d | nn.BatchNorm2d)
    ]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
    network.train()
    for number, batch in enumerate(batches, start=1):
        # A momentum of 1/n makes the n-th step a plain mean, in a supernet's own calls too.
        for norm in norms:
            norm.momentum = 1 / number
        network(batch.pixels)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.eval()
