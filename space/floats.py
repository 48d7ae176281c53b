"""A trained network in floating point, as any tool could have trained it: a graph and its numbers.

All arrays are float64; those of channels are [channels].
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .graph import BlockGraph, Value

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Norm:
    """gain * (x - mean) + bias, per channel: a batch norm with its deviation in the gain."""

    gain: Floats
    mean: Floats
    bias: Floats

    def then(self, gain: Floats | float, bias: Floats | float) -> "Norm":
        """This, then times `gain` plus `bias`."""
        return Norm(self.gain * gain, self.mean, self.bias * gain + bias)

    def centred(self, value: Floats) -> "Norm":
        """The same, with the mean at what it makes `value` of; freezing is most exact there."""
        gain = np.where(self.gain == 0, 1.0, self.gain)
        mean = self.mean + np.where(self.gain == 0, 0.0, (value - self.bias) / gain)
        return Norm(self.gain, mean, np.where(self.gain == 0, self.bias, value))

    @property
    def offset(self) -> Floats:
        """What it makes of 0."""
        return self.bias - self.gain * self.mean

    @property
    def is_identity(self) -> bool:
        return bool((self.gain == 1).all() and (self.offset == 0).all())


def identity_norm(channels: int) -> Norm:
    """The norm that changes nothing."""
    return Norm(np.ones(channels), np.zeros(channels), np.zeros(channels))


@dataclass(frozen=True, eq=False, slots=True)
class ConvFloats:
    """Weights [out, in, k, k] - on pixels 0..255 where they read the image -, what follows the
    sums, and the slopes of a prelu."""

    weights: Floats
    norm: Norm
    slopes: Floats | None


@dataclass(frozen=True, eq=False, slots=True)
class ClassifierFloats:
    """What the pooled features pass through: a norm, weights [classes, channels], a bias."""

    norm: Norm
    weights: Floats
    bias: Floats


@dataclass(frozen=True, eq=False)
class FloatNetwork:
    """The numbers by node, signs by value.

    complements: signs that are the opposite of another one everywhere, also where that is +1 for
    a value of 0.
    """

    graph: BlockGraph
    convs: dict[str, ConvFloats]
    signs: dict[Value, Norm]
    classifier: ClassifierFloats
    complements: dict[Value, Value] = field(default_factory=dict)
