"""Batches of images as tensors, and the two halves of a search's training data."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .data.augment import Augmentation, augment
from .data.source import ImageSource, Indices
from .errors import BarsError


@dataclass(frozen=True, slots=True)
class Batch:
    """uint8 pixels [count, channels, size, size] with channels last in memory, labels [count]."""

    pixels: Tensor
    labels: Tensor


def split_in_halves(source: ImageSource, *, seed: int) -> tuple[ImageSource, ImageSource]:
    """Return two disjoint random halves; an odd image is left out. Raises BarsError below 4."""
    if len(source) < 4:
        raise BarsError(
            f"{len(source)} training images: a search needs 2 for the weights and 2 for the "
            "architecture; add images"
        )
    order = np.random.default_rng([seed, len(source)]).permutation(len(source))
    half = len(source) // 2
    return source.subset(order[:half]), source.subset(order[half : 2 * half])


def random_images(source: ImageSource, *, count: int, seed: int) -> ImageSource:
    """Return at most `count` of the images, chosen by the seed."""
    if len(source) <= count:
        return source
    order = np.random.default_rng([seed, len(source)]).permutation(len(source))
    return source.subset(np.sort(order[:count]))


def batch_count(source: ImageSource, *, batch_size: int) -> int:
    """Return how many batches `training_batches` draws."""
    return max(1, len(source) // batch_size)


def training_batches(
    source: ImageSource,
    generator: np.random.Generator,
    *,
    batch_size: int,
    augmentation: Augmentation,
    device: torch.device,
) -> Iterator[Batch]:
    """Yield the images once in random order, augmented, without an incomplete last batch."""
    order = generator.permutation(len(source))
    for batch in range(batch_count(source, batch_size=batch_size)):
        indices = order[batch * batch_size : (batch + 1) * batch_size]
        images = augment(source.batch(indices), generator, by=augmentation)
        yield _batch(images, source.labels[indices], device=device)


def all_batches(source: ImageSource, *, batch_size: int, device: torch.device) -> Iterator[Batch]:
    """Yield every image once in the order of the source, as it is."""
    for first in range(0, len(source), batch_size):
        indices: Indices = np.arange(first, min(first + batch_size, len(source)))
        yield _batch(source.batch(indices), source.labels[indices], device=device)


def _batch(images: np.ndarray, labels: np.ndarray, *, device: torch.device) -> Batch:
    # NHWC in numpy is NCHW with channels last in torch: no copy.
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
    return Batch(pixels.to(device), torch.from_numpy(labels).to(device))
