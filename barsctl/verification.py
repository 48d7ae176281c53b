"""Whether two forms of a network are equal, and the first layer that differs where they are not."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from targets.errors import TargetError
from targets.verify import Verification, different_images, first_difference

from .data.source import Indices, Labels
from .forms import Form, Images


@dataclass(frozen=True, slots=True)
class Answers:
    """A form's logits [images, classes] of these images."""

    form: Form
    images: Images
    logits: NDArray[np.int32]

    def at(self, indices: Indices) -> "Answers":
        """The same for some of the images only."""
        return Answers(self.form, self.images[indices], self.logits[indices])


def ask(form: Form, images: Images) -> Answers:
    """The form's answers. Raises TargetError where there are no images."""
    if len(images) == 0:
        raise TargetError("0 images verify nothing; give at least one")
    return Answers(form, images, form.logits(images))


def compare(found: Answers, expected: Answers) -> Verification:
    """Compare all logits; where some differ, compare every tensor of the first such image."""
    different = different_images(found.logits, expected.logits)
    if not different:
        return Verification(len(found.images), (), None)
    image = found.images[different[0]]
    values = found.form.values(image), expected.form.values(image)
    return Verification(len(found.images), different, first_difference(*values))


def accuracy(logits: NDArray[np.generic], labels: Labels) -> float:
    """The share of images whose largest logit is their label's."""
    return float((logits.argmax(axis=1) == labels).mean())


def spread_indices(length: int, count: int) -> Indices:
    """At most `count` indices, spread evenly: images often come sorted by class."""
    return np.linspace(0, length - 1, min(count, length)).round().astype(np.int64)
