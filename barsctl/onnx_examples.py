"""What the original of a compiled ONNX file answers on images that a user gave, or on noise."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from space.graph import BlockGraph
from targets.onnx_import.given import GivenModel
from targets.onnx_import.original import original_logits
from targets.onnx_run import onnx_logits
from targets.toolchain import Notify

from .data.dataset import check_labels
from .data.source import Images
from .given_images import GivenImages, read_images
from .package_compare import Examples, compared_images

RANDOM_IMAGES = 256


def images_for(graph: BlockGraph, images: Path | None, *, notify: Notify) -> GivenImages:
    """The images of a file or folder; without one noise, which exact integers are compared on as
    well as on photographs.

    Raises DataError where they or their labels do not fit the network.
    """
    if images is not None:
        found = read_images(images, image_size=graph.image_size, channels=graph.image_channels)
        if found.class_names is not None:
            check_labels(found.test.labels, graph.classes, part="given")
        return found
    notify(f"no images are given: taking {RANDOM_IMAGES} of noise")
    shape = (RANDOM_IMAGES, graph.image_size, graph.image_size, graph.image_channels)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    source = Images(pixels, np.zeros(RANDOM_IMAGES, np.int64))
    return GivenImages(source, source, None)


def original_examples(given: GivenModel, images: GivenImages, count: int | None) -> Examples:
    """So many of the test images, and what the file itself answers in onnxruntime.

    Raises TargetError where onnxruntime cannot run it.
    """
    pixels, labels = compared_images(images.test, count)
    logits: NDArray[np.generic]
    logits = onnx_logits(given.path, pixels) if given.is_ours else original_logits(given, pixels)
    labelled = images.class_names is not None
    return Examples(pixels, labels if labelled else logits.argmax(axis=1), logits, labelled)
