"""Batches of images as tensors, and the two halves of a search's training data."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .data.augment import Augmentation, augment
from .data.source import ImageSource, Indices, Part
from .errors import BarsError
from .launch import Ranks

ALONE = Ranks()


@dataclass(frozen=True, slots=True)
class Batch:
    """uint8 pixels [count, channels, size, size] with channels last in memory, labels [count].

    share: of the images of all processes' batches in this step.
    """

    pixels: Tensor
    labels: Tensor
    share: float = 1.0


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
    ranks: Ranks = ALONE,
) -> Iterator[Batch]:
    """Yield the images once in random order, augmented, without an incomplete last batch.

    Of each batch of batch_size images, a rank's part: all together yield what one would yield.
    Raises BarsError where a batch has fewer images than there are processes.
    """
    order = generator.permutation(len(source))
    for batch in range(batch_count(source, batch_size=batch_size)):
        together = order[batch * batch_size : (batch + 1) * batch_size]
        if len(together) < ranks.size:
            raise BarsError(
                f"a batch of {len(together)} images over {ranks.size} processes: each needs one; "
                "start fewer processes, or give a larger --batch-size"
            )
        part = _part(len(together), ranks)
        indices = together[part.rows]
        images = augment(source.batch(indices), generator, by=augmentation, part=part)
        yield _batch(images, source.labels[indices], device=device, share=part.share)


def all_batches(
    source: ImageSource, *, batch_size: int, device: torch.device, ranks: Ranks = ALONE
) -> Iterator[Batch]:
    """Yield every image of a rank's part once in the order of the source, as it is."""
    part = _part(len(source), ranks)
    for first in range(part.first, part.end, batch_size):
        indices: Indices = np.arange(first, min(first + batch_size, part.end))
        yield _batch(source.batch(indices), source.labels[indices], device=device)


def plain_batches(
    source: ImageSource, *, batch_size: int, device: torch.device, ranks: Ranks
) -> Iterator[Batch]:
    """Yield the images once in an order that is always the same, as they are.

    In whole batches: a last one of a single image has no variance.
    """
    return training_batches(
        source, np.random.default_rng(0), batch_size=batch_size,
        augmentation=Augmentation(), device=device, ranks=ranks,
    )  # fmt: skip


def _part(count: int, ranks: Ranks) -> Part:
    """The part of a rank: all parts are disjoint, and as large but for one image."""
    first, end = (count * each // ranks.size for each in (ranks.rank, ranks.rank + 1))
    return Part(first, end, count)


def _batch(
    images: np.ndarray, labels: np.ndarray, *, device: torch.device, share: float = 1.0
) -> Batch:
    # NHWC in numpy is NCHW with channels last in torch: no copy.
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
    return Batch(pixels.to(device), torch.from_numpy(labels).to(device), share)
