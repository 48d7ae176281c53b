"""How far a relaxed supernet is from the network that it stands for, on the same images."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from space.genotype import Genotype
from space.nn.supernet import Supernet

from .architecture_metrics import Probabilities
from .batches import ALONE, Batch, all_batches, plain_batches, random_images
from .data.dataset import Dataset
from .data.source import ImageSource
from .evaluate import accuracy, accuracy_over_ranks, reestimate_batch_norm
from .rank_norm import norms_over_ranks
from .ranks import own_ranks

# A few percent of an epoch of 5 000 images, and of a larger one less.
CALIBRATION_IMAGES = 256
HELD_OUT_IMAGES = 512


@dataclass(frozen=True, slots=True)
class Gap:
    """Accuracies on the same held-out images.

    relaxed: of the supernet, mixed by the probabilities; discretised: of one network with the
    supernet's weights.
    """

    relaxed: float
    discretised: float

    @property
    def difference(self) -> float:
        """What is lost where the mixture becomes one network."""
        return self.relaxed - self.discretised


@dataclass(frozen=True, eq=False, slots=True)
class GapImages:
    """What a gap is measured on: batches for batch-norm statistics, and for the accuracies.

    Of several processes each has its part of them.
    """

    calibration: tuple[Batch, ...]
    held_out: tuple[Batch, ...]


def gap_images(
    dataset: Dataset, weights_half: ImageSource, *,
    batch_size: int, seed: int, device: torch.device,
) -> GapImages:  # fmt: skip
    """Read the images of a search, the same for all of its epochs."""
    calibration = random_images(weights_half, count=CALIBRATION_IMAGES, seed=seed)
    held_out = random_images(dataset.validation, count=HELD_OUT_IMAGES, seed=seed)
    ranks = own_ranks()
    return GapImages(
        tuple(plain_batches(calibration, batch_size=batch_size, device=device, ranks=ranks)),
        tuple(all_batches(held_out, batch_size=batch_size, device=device, ranks=ranks)),
    )


def measured_gap(
    supernet: Supernet, probabilities: Probabilities, genotype: Genotype, images: GapImages
) -> Gap:
    """Measure both as they are used: with batch-norm statistics of their own.

    The supernet's own statistics are means over sampled mixtures and fit neither.
    """
    return Gap(
        _accuracy_over_ranks(_Relaxed(supernet, probabilities), images),
        _accuracy_over_ranks(supernet.network_for(genotype), images),
    )


def discrete_accuracy(
    supernet: Supernet,
    genotype: Genotype,
    calibration: ImageSource,
    held_out: ImageSource,
    *,
    batch_size: int,
    device: torch.device,
) -> float:
    """Return the accuracy on held-out images of one network with the supernet's weights.

    It is built on its own, with batch-norm statistics of its own: the mixture that the supernet
    computes says little of it.
    """
    network = supernet.network_for(genotype)
    plain = plain_batches(calibration, batch_size=batch_size, device=device, ranks=ALONE)
    reestimate_batch_norm(network, plain)
    return accuracy(network, all_batches(held_out, batch_size=batch_size, device=device))


class _Relaxed(nn.Module):
    """A copy of a supernet with its probabilities, called as a network is."""

    def __init__(self, supernet: Supernet, probabilities: Probabilities) -> None:
        super().__init__()
        self.supernet = copy.deepcopy(supernet)
        self.probabilities = probabilities

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.supernet(pixels, self.probabilities)
        return logits


def _accuracy_over_ranks(network: nn.Module, images: GapImages) -> float:
    with norms_over_ranks():
        reestimate_batch_norm(network, images.calibration)
    return accuracy_over_ranks(network, images.held_out)
