"""Verifying a package that lies there: unchanged files, and equal numbers on images.

These are a run's, or those that come with the ONNX file that was compiled.
"""

from dataclasses import dataclass
from pathlib import Path

from space.frozen_file import read_frozen
from space.graph import BlockGraph
from space.graph_json import graph_document
from targets.manifest import Fields
from targets.measuring.place import Place
from targets.onnx_export import exported_model
from targets.onnx_import.foreign import read_foreign
from targets.onnx_import.given import GivenModel, is_onnx, load_given
from targets.onnx_import.own import read_own
from targets.runners.runner import HERE, runner_at
from targets.toolchain import Notify

from .errors import BarsError
from .onnx_examples import images_for, original_examples
from .package_compare import Examples, compare_forms, run_examples
from .package_files import PackageFiles, check_files
from .package_report import FROZEN, Package, Unchecked, program_fields, verification_fields
from .run_folder import CONFIG
from .trained_run import read_trained


@dataclass(frozen=True, slots=True)
class Verified:
    """How many files are as they were compiled, and what their forms compute."""

    files: int
    package: Package


def verify_package(
    files: PackageFiles, run: Path | None, *, calibrate: Path | None, images: int | None,
    notify: Notify, place: Place | None,
) -> Verified:  # fmt: skip
    """Check a package's files, then compare its forms as compiling does, without compiling.

    run: a training, one of its checkpoints, or an ONNX file; None for the training that the package
    lies in. calibrate: images of an ONNX file; None for noise. place: where programs run; None for
    here, or the emulator. Raises BarsError where a file was changed, the run is another network's,
    or no program runs at the place, TargetError where a program fails; where one differs, the
    package says so.
    """
    if images is not None and images < 1:
        raise BarsError(f"images {images}: at least 1 must be compared")
    unchanged = check_files(files)
    notify(f"{unchanged} files have the SHA-256 that their manifests say")
    run = run or _run_around(files)
    if is_onnx(run):
        examples = _onnx_examples(load_given(run), files, calibrate, images=images, notify=notify)
    elif calibrate is not None:
        raise BarsError(f"{run} is no .onnx file: leave out --calibrate, its training has images")
    else:
        trained = read_trained(run)
        _require_same(trained.network.graph, files)
        examples = run_examples(trained, images)
    runner = HERE if place is None else runner_at(place, notify=notify)
    package = compare_forms(
        examples, files.compiled, folder=files.folder, images=images, notify=notify, runner=runner
    )
    if place is not None:
        _require_run(package, place)
    return Verified(unchanged, package)


def _require_run(package: Package, place: Place) -> None:
    """Raise BarsError where a place was asked for, and nothing ran there."""
    reasons = [
        each.program.reason for each in package.reports if isinstance(each.program, Unchecked)
    ]
    if len(reasons) == len(package.reports):
        raise BarsError(
            f"no program was run on {place}: {'; '.join(reasons)}; name another --on, or compile "
            "for its target"
        )


def _run_around(files: PackageFiles) -> Path:
    run = files.folder.parent
    if not (run / CONFIG).is_file():
        raise BarsError(
            f"{files.folder} does not lie in a training's folder; name the one that it was "
            "compiled from with --run, or the .onnx file"
        )
    return run


def _onnx_examples(
    given: GivenModel, files: PackageFiles, calibrate: Path | None, *, images: int | None,
    notify: Notify,
) -> Examples:  # fmt: skip
    if given.is_ours:
        own = read_own(given)
        graph = own.frozen.graph
        _require_same(graph, files)
        frozen = read_frozen(files.folder / FROZEN)
        model = exported_model(frozen, class_names=own.class_names, name=own.name, score=own.score)
        if model.graph != given.model.graph:
            raise _other_network(files)
    else:
        graph = read_foreign(given).floats.graph
        _require_same(graph, files)
    return original_examples(given, images_for(graph, calibrate, notify=notify), images)


def _require_same(graph: BlockGraph, files: PackageFiles) -> None:
    frozen = read_frozen(files.folder / FROZEN)
    if graph_document(graph) != graph_document(frozen.graph):
        raise _other_network(files)


def _other_network(files: PackageFiles) -> BarsError:
    return BarsError(
        f"{files.folder / FROZEN} is another network than the run's; name the training or the "
        ".onnx file that it was compiled from with --run"
    )


def verified_json(verified: Verified) -> Fields:
    """The finding as scripts read it."""
    package = verified.package
    return {
        "package": str(package.folder),
        "files": verified.files,
        "images": package.accuracies.images,
        "accuracy": {
            "trained": package.accuracies.trained,
            "frozen": package.accuracies.frozen,
            "onnx": package.accuracies.onnx,
            "agreement": package.accuracies.agreement,
            "labelled": package.accuracies.labelled,
        },
        "onnx": verification_fields(package.onnx),
        "targets": {
            report.target.name: {
                "program": str(report.artefacts.program),
                **program_fields(report),
            }
            for report in package.reports
        },
        "warnings": list(package.warnings),
        "mismatches": list(package.mismatches),
    }
