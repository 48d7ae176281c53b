"""Where batches of images come from: in memory, or decoded when they are asked for."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from barsctl.errors import DataError

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Part:
    """Of `count` images those from `first` up to, not including, `end`."""

    first: int
    end: int
    count: int

    @property
    def rows(self) -> slice:
        """The part's place in an array of all the images."""
        return slice(self.first, self.end)

    @property
    def share(self) -> float:
        """The part's share of the images."""
        return (self.end - self.first) / self.count


class ImageSource(Protocol):
    """Square images of one size with a label each, drawn by index."""

    def __len__(self) -> int: ...

    @property
    def labels(self) -> Labels:
        """All labels, [count]."""

    @property
    def image_size(self) -> int:
        """Height and width in pixels."""

    @property
    def channels(self) -> int: ...

    def batch(self, indices: Indices) -> Pixels:
        """Return the images at the indices, [len(indices), size, size, channels]."""

    def subset(self, indices: Indices) -> "ImageSource":
        """Return a source of only the images at the indices, in their order."""


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """Images that lie in memory: pixels [count, size, size, channels], labels [count]."""

    images: Pixels
    labels: Labels

    def __post_init__(self) -> None:
        shape = self.images.shape
        if self.images.dtype != np.uint8:
            raise DataError(
                f"images of type {self.images.dtype}: pixels are uint8 from 0 to 255;"
                " scale and convert them with astype('uint8')"
            )
        if len(shape) != 4 or shape[1] != shape[2] or 0 in shape:
            raise DataError(
                f"images of shape {shape}: expected [count, size, size, channels], none of them 0;"
                " crop or pad the images to squares"
            )
        if self.labels.shape != shape[:1]:
            raise DataError(
                f"{shape[0]} images, but labels of shape {self.labels.shape}:"
                " every image needs one label; check that both files belong together"
            )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_size(self) -> int:
        """Height and width in pixels."""
        size: int = self.images.shape[1]
        return size

    @property
    def channels(self) -> int:
        """1 for grey images, 3 for colour."""
        channels: int = self.images.shape[3]
        return channels

    def batch(self, indices: Indices) -> Pixels:
        """Return the images at the indices, [len(indices), size, size, channels]."""
        return self.images[indices]

    def subset(self, indices: Indices) -> "Images":
        """Return a copy of only the images at the indices, in their order."""
        return Images(self.images[indices], self.labels[indices])
