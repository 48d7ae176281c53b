"""Compiling an ONNX file: one that a package of ours holds, or a foreign QONNX model.

Ours is read back as it was frozen. A foreign one is frozen on images that the user gives, and its
answers are compared with those that onnxruntime gives for the file itself.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from space.frozen import FrozenNetwork
from space.graph import BlockGraph
from space.nn.from_floats import freeze_floats
from targets.onnx_import.foreign import read_foreign
from targets.onnx_import.given import GivenModel, load_given
from targets.onnx_import.original import original_logits
from targets.onnx_import.own import read_own
from targets.onnx_run import onnx_logits
from targets.toolchain import Notify

from .data.source import Images
from .errors import BarsError
from .given_images import GivenImages, read_images
from .package import PackageSettings, calibration_pixels, write_forms
from .package_check import check_forms
from .package_compare import Examples, compared_images
from .package_report import Package

RANDOM_IMAGES = 256


@dataclass(frozen=True, slots=True)
class OnnxPackage:
    """A compiled ONNX file, and what a user should know of how it was taken."""

    package: Package
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Taken:
    """A model in integers, and the images that belong to it."""

    frozen: FrozenNetwork
    images: GivenImages
    class_names: tuple[str, ...] | None
    notes: tuple[str, ...] = ()


def compile_onnx(
    path: Path, settings: PackageSettings, *, images: Path | None, folder: Path, notify: Notify
) -> OnnxPackage:
    """Read a model, freeze it if it is foreign, compile it, and check all forms.

    Raises TargetError or SpaceError where it cannot be compiled, DataError where the images do not
    fit, BarsError where a foreign model comes without any.
    """
    given = load_given(path)
    taken = _own(given, images) if given.is_ours else _foreign(given, settings, images, notify)
    artefacts = write_forms(
        taken.frozen, settings, class_names=taken.class_names, score=None, folder=folder,
        notify=notify,
    )  # fmt: skip
    examples = _examples(given, taken, settings, notify=notify)
    package = check_forms(examples, settings, artefacts, folder=folder, notify=notify)
    return OnnxPackage(package, taken.notes)


def _own(given: GivenModel, images: Path | None) -> _Taken:
    own = read_own(given)
    graph = own.frozen.graph
    found = _random_images(graph) if images is None else _read(images, graph)
    return _Taken(own.frozen, found, own.class_names)


def _foreign(
    given: GivenModel, settings: PackageSettings, images: Path | None, notify: Notify
) -> _Taken:
    foreign = read_foreign(given)
    graph = foreign.floats.graph
    if images is None:
        raise BarsError(
            f"{given.path} is not of barsctl, and has to be frozen: give images like those to come "
            "with --calibrate"
        )
    settings.require_prices(graph.blocks)
    found = _read(images, graph)
    notify("freezing")
    frozen = freeze_floats(foreign.floats, calibration_pixels(found.calibration))
    names = found.class_names
    fitting = names if names is not None and len(names) == graph.classes else None
    return _Taken(frozen, found, fitting, foreign.notes)


def _read(images: Path, graph: BlockGraph) -> GivenImages:
    return read_images(images, image_size=graph.image_size, channels=graph.image_channels)


def _random_images(graph: BlockGraph) -> GivenImages:
    """Noise, which exact integers are compared on as well as on photographs."""
    shape = (RANDOM_IMAGES, graph.image_size, graph.image_size, graph.image_channels)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    source = Images(pixels, np.zeros(RANDOM_IMAGES, np.int64))
    return GivenImages(source, source, None)


def _examples(
    given: GivenModel, taken: _Taken, settings: PackageSettings, *, notify: Notify
) -> Examples:
    images, labels = compared_images(taken.images.test, settings.images)
    notify(f"running {len(images)} images in torch and onnxruntime")
    if given.is_ours:
        logits: np.typing.NDArray[np.generic] = onnx_logits(given.path, images)
    else:
        logits = original_logits(given, images)
    labelled = taken.images.class_names is not None
    return Examples(images, labels if labelled else logits.argmax(axis=1), logits, labelled)
