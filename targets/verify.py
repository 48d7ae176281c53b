"""Equality of two forms of a network, and the first layer that differs where they are not."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from space.graph import BlockGraph, Value

from . import layouts
from .errors import TargetError
from .trace import TracedValue, traced_values

Values = Mapping[Value, NDArray[np.integer]]
"""Tensors of one image: [size, size, channels], signs as +1 and -1, or the logits [classes]."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first element of the first tensor that differs; the position is [y, x, channel]."""

    value: Value
    position: tuple[int, ...]
    found: int
    expected: int

    def __str__(self) -> str:
        place = ", ".join(map(str, self.position))
        return (
            f"{self.value.node}.{self.value.port}[{place}] is {self.found}, "
            f"the reference says {self.expected}"
        )


@dataclass(frozen=True, slots=True)
class Verification:
    """How many images were compared, and where the two forms first differ, if they do."""

    images: int
    different_images: tuple[int, ...]
    first_difference: Difference | None

    @property
    def equal(self) -> bool:
        """Whether every logit of every image is equal."""
        return not self.different_images

    def __str__(self) -> str:
        if self.equal:
            return f"every logit of {self.images} images is equal"
        where = self.first_difference or "none in a run of its own: runs depend on earlier ones"
        different = f"{len(self.different_images)} of {self.images} images differ"
        return f"{different}; first difference: {where}"


def different_images(found: NDArray[np.integer], expected: NDArray[np.integer]) -> tuple[int, ...]:
    """Indices of the rows [images, classes] that are not equal.

    Raises TargetError where the shapes are not equal.
    """
    if found.shape != expected.shape:
        raise TargetError(
            f"logits of shape {found.shape} against {expected.shape}: these are two networks"
        )
    return tuple(int(index) for index in np.flatnonzero((found != expected).any(axis=1)))


def canonical_values(
    graph: BlockGraph, trace: Mapping[str, NDArray[np.generic]]
) -> dict[Value, NDArray[np.integer]]:
    """A program's trace without its memory layouts, in the order of execution."""
    return {
        traced.value: _canonical(traced, trace[traced.file], graph.shape(traced.value)[0])
        for traced in traced_values(graph)
    }


def _canonical(
    traced: TracedValue, array: NDArray[np.generic], channels: int
) -> NDArray[np.integer]:
    if traced.argument.dtype == "uint32":
        return np.where(layouts.unpack_bits(array.astype(np.uint32), channels), -1, 1)
    return array.astype(np.int32)[..., :channels]


def first_difference(found: Values, expected: Values) -> Difference | None:
    """The first differing element, in the order of `found`; None where all are equal.

    Tensors that the reference does not know are passed over.
    """
    for value, array in found.items():
        if value in expected and not np.array_equal(array, expected[value]):
            return _first_element(value, array, expected[value])
    return None


def _first_element(
    value: Value, found: NDArray[np.integer], expected: NDArray[np.integer]
) -> Difference:
    if found.shape != expected.shape:
        raise TargetError(
            f"{value.node}.{value.port} has shape {found.shape}, the reference's {expected.shape}"
        )
    position = tuple(int(axis) for axis in np.argwhere(found != expected)[0])
    return Difference(value, position, int(found[position]), int(expected[position]))
