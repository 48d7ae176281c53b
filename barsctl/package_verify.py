"""Verifying a package that lies there: unchanged files, and equal numbers on a run's images."""

from dataclasses import dataclass
from pathlib import Path

from space.frozen_file import read_frozen
from space.graph_json import graph_document
from targets.manifest import Fields
from targets.toolchain import Notify

from .errors import BarsError
from .package_compare import compare_package
from .package_files import PackageFiles, check_files
from .package_report import FROZEN, Package, program_fields, verification_fields
from .run_folder import CONFIG
from .trained_run import TrainedRun, read_trained


@dataclass(frozen=True, slots=True)
class Verified:
    """How many files are as they were compiled, and what their forms compute."""

    files: int
    package: Package


def verify_package(
    files: PackageFiles, run: Path | None, *, images: int | None, notify: Notify
) -> Verified:
    """Check a package's files, then compare its forms as compiling does, without compiling.

    run: a training, or one of its checkpoints; None for the one that the package lies in. Raises
    BarsError where a file was changed or the run is another network's, TargetError where a program
    fails; where one differs, the package says so.
    """
    if images is not None and images < 1:
        raise BarsError(f"images {images}: at least 1 must be compared")
    unchanged = check_files(files)
    notify(f"{unchanged} files have the SHA-256 that their manifests say")
    trained = read_trained(run or _run_around(files))
    _require_same(trained, files)
    package = compare_package(
        trained, files.compiled, folder=files.folder, images=images, notify=notify
    )
    return Verified(unchanged, package)


def _run_around(files: PackageFiles) -> Path:
    run = files.folder.parent
    if not (run / CONFIG).is_file():
        raise BarsError(
            f"{files.folder} does not lie in a training's folder; name the one that it was "
            "compiled from with --run"
        )
    return run


def _require_same(run: TrainedRun, files: PackageFiles) -> None:
    frozen = read_frozen(files.folder / FROZEN)
    if graph_document(run.network.graph) != graph_document(frozen.graph):
        raise BarsError(
            f"{files.folder / FROZEN} is another network than the run's; name the training that it "
            "was compiled from with --run"
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
