"""Random variations of training batches, as functions of the batch and a generator.

Batches are uint8 [count, size, size, channels] and stay so: the network's stem normalises.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from .source import Part, Pixels


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What `augment` does to every image; the defaults leave it as it is."""

    min_area_share: float = 1.0
    """Smallest share of the image's area that a resized crop keeps; 1 turns resizing off."""
    pad_pixels: int = 0
    """Black border around the image before a random crop of the old size."""
    flip: bool = False
    """Whether half of the images are mirrored."""


def augment(
    batch: Pixels, generator: np.random.Generator, *, by: Augmentation, part: Part | None = None
) -> Pixels:
    """Return the batch with every step of the augmentation applied; the input is left as it is.

    part: which part of a batch this is; numbers are drawn for all of it, so that the parts are
    augmented as the whole would be. None for the whole.
    """
    result = batch
    if by.min_area_share < 1:
        result = random_resized_crop(result, generator, part=part, min_area_share=by.min_area_share)
    if by.pad_pixels:
        result = pad_crop(result, generator, part=part, pad_pixels=by.pad_pixels)
    if by.flip:
        result = random_flip(result, generator, part=part)
    return result


def pad_crop(
    batch: Pixels, generator: np.random.Generator, *, part: Part | None = None, pad_pixels: int
) -> Pixels:
    """Pad with pixel 0 on all sides and crop each image at a random place to its old size."""
    part, size = part or _whole(batch), batch.shape[1]
    border = (pad_pixels, pad_pixels)
    padded = np.pad(batch, ((0, 0), border, border, (0, 0)))
    drawn = generator.integers(2 * pad_pixels, size=(part.count, 2), endpoint=True)
    corners = drawn[part.rows].tolist()
    result = np.empty_like(batch)
    for target, source, (top, left) in zip(result, padded, corners, strict=True):
        target[...] = source[top : top + size, left : left + size]
    return result


def random_flip(
    batch: Pixels, generator: np.random.Generator, *, part: Part | None = None
) -> Pixels:
    """Mirror each image left to right with probability one half."""
    part = part or _whole(batch)
    chosen = generator.random(part.count)[part.rows] < 0.5
    result = batch.copy()
    result[chosen] = batch[chosen, :, ::-1]
    return result


def random_resized_crop(
    batch: Pixels,
    generator: np.random.Generator,
    *,
    part: Part | None = None,
    min_area_share: float,
) -> Pixels:
    """Resize a random part of each image to the whole size, bilinear.

    The part's share of the area is uniform in [min_area_share, 1], its aspect ratio log-uniform in
    [3/4, 4/3] and then narrowed to what fits (Szegedy et al., arXiv 1409.4842, section 6).
    """
    part = part or _whole(batch)
    count, size, channels = part.count, batch.shape[1], batch.shape[3]
    area = generator.uniform(min_area_share, 1, size=count) * size**2
    aspect = np.exp(generator.uniform(np.log(3 / 4), np.log(4 / 3), size=count))
    widths = np.minimum(np.sqrt(area * aspect), size)
    heights = np.minimum(np.sqrt(area / aspect), size)
    lefts = generator.random(count) * (size - widths)
    tops = generator.random(count) * (size - heights)
    boxes = np.stack([lefts, tops, lefts + widths, tops + heights], axis=1).clip(0, size)
    result = np.empty_like(batch)
    for target, source, box in zip(result, batch, boxes[part.rows].tolist(), strict=True):
        for channel in range(channels):
            plane = Image.fromarray(source[:, :, channel])
            resized = plane.resize((size, size), Image.Resampling.BILINEAR, box=tuple(box))
            target[:, :, channel] = resized
    return result


def _whole(batch: Pixels) -> Part:
    return Part(0, len(batch), len(batch))
