"""Compiling an ONNX file: one that a package of ours holds, or a foreign QONNX model.

Ours is read back as it was frozen. A foreign one is frozen on images that the user gives, and its
answers are compared with those that onnxruntime gives for the file itself.
"""

from dataclasses import dataclass
from pathlib import Path

from space.errors import SpaceError
from space.frozen import FrozenNetwork
from space.nn.from_floats import freeze_floats
from targets.emit_about import Score
from targets.errors import TargetError
from targets.onnx_import.foreign import read_foreign
from targets.onnx_import.given import GivenModel
from targets.onnx_import.own import read_own
from targets.toolchain import Notify

from .errors import BarsError
from .given_images import GivenImages
from .onnx_examples import images_for, original_examples
from .package import PackageSettings, calibration_pixels, label_score, write_forms
from .package_check import check_forms
from .package_compare import compared_images
from .package_report import ONNX, Package


@dataclass(frozen=True, slots=True)
class OnnxPackage:
    """A compiled ONNX file, and what a user should know of how it was taken."""

    package: Package
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TakenModel:
    """A model in integers, and the images that belong to it.

    score: on test images, None where nobody labelled any. notes: what a user should know.
    """

    frozen: FrozenNetwork
    images: GivenImages
    class_names: tuple[str, ...] | None
    score: Score | None
    notes: tuple[str, ...] = ()


def compile_onnx(
    given: GivenModel, settings: PackageSettings, *, images: Path | None, folder: Path,
    notify: Notify,
) -> OnnxPackage:  # fmt: skip
    """Freeze a model if it is foreign, compile it, and check all forms.

    Raises TargetError where it cannot be compiled, DataError where the images do not
    fit, BarsError where a foreign model comes without any or the package would replace the file.
    """
    written = folder / ONNX
    if written.exists() and written.samefile(given.path):
        raise BarsError(
            f"{given.path} would be replaced by the package's own {ONNX}; choose another --out"
        )
    taken = take_model(given, settings, images=images, notify=notify)
    examples = original_examples(given, taken.images, settings.images)
    artefacts = write_forms(
        taken.frozen, settings, class_names=taken.class_names, score=taken.score, folder=folder,
        notify=notify,
    )  # fmt: skip
    package = check_forms(examples, settings, artefacts, folder=folder, notify=notify)
    return OnnxPackage(package, taken.notes)


def take_model(
    given: GivenModel, settings: PackageSettings, *, images: Path | None, notify: Notify
) -> TakenModel:
    """The integers of a model; raises what compile_onnx does."""
    if given.is_ours:
        own = read_own(given)
        found = images_for(own.frozen.graph, images, notify=notify)
        return TakenModel(own.frozen, found, own.class_names, own.score)
    foreign = read_foreign(given)
    graph = foreign.floats.graph
    if images is None:
        raise BarsError(
            f"{given.path} is not of barsctl, and has to be frozen: give images like those to come "
            "with --calibrate"
        )
    settings.require_prices(graph.blocks)
    found = images_for(graph, images, notify=notify)
    notify("freezing")
    try:
        frozen = freeze_floats(foreign.floats, calibration_pixels(found.calibration))
    except SpaceError as error:
        raise TargetError(f"{given.path}: {error}") from error
    names = found.class_names
    score = None
    if names is not None:
        notify("counting the test images that it labels rightly")
        score = label_score(frozen, *compared_images(found.test, settings.images))
    fitting = names if names is not None and len(names) == graph.classes else None
    return TakenModel(frozen, found, fitting, score, foreign.notes)
