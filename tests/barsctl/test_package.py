import hashlib
import json
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from barsctl.errors import BarsError
from barsctl.package import CALIBRATION_IMAGES, PackageSettings, calibration_pixels, write_package
from barsctl.package_check import check_package
from barsctl.package_report import Checked, Unchecked
from barsctl.trained_run import TrainedRun, read_trained
from costmodels.errors import CostError
from costmodels.latency_table import LatencyTable
from space.frozen_file import read_frozen
from targets.boards import AARCH64, X86_64
from targets.build import kernel_hash
from targets.catalog import named_target
from targets.compile import Artefacts
from targets.host import runs_here
from targets.kernel_specs import KernelSpec, kernel_specs
from tests.barsctl.tiny_packages import TAMPERED, tamper, train_tiny
from tests.example_tables import table_of

SETTINGS = PackageSettings((named_target("host"), named_target("aarch64")), "tiny")
SETTINGS_HERE = replace(SETTINGS, targets=(named_target("host"),))
needs_qemu = pytest.mark.skipif(
    not runs_here(AARCH64) and shutil.which("qemu-aarch64") is None, reason="no qemu-aarch64"
)


@dataclass(frozen=True)
class Compiled:
    """A package of a run for the host and aarch64."""

    run: TrainedRun
    artefacts: tuple[Artefacts, ...]
    folder: Path


def ignore(_: str) -> None:
    """Hear nothing of what takes long."""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    folder = tmp_path_factory.mktemp("package")
    run = read_trained(train_tiny(folder))
    files = write_package(run, SETTINGS, folder=folder / "compiled", notify=ignore)
    return Compiled(run, files, folder / "compiled")


def host_only(compiled: Compiled, folder: Path) -> Compiled:
    """A copy whose host program alone is checked."""
    shutil.copytree(compiled.folder, folder, dirs_exist_ok=True)
    host = compiled.artefacts[0]
    moved = {
        name: folder / "host" / getattr(host, name).name
        for name in ("program", "archive", "library", "header", "manifest")
    }
    return Compiled(compiled.run, (Artefacts(**moved, arena_bytes=host.arena_bytes),), folder)


def table(*specs: KernelSpec, hash_of_kernels: str) -> LatencyTable:
    """A table in which each of these kernels takes 2 us."""
    found = table_of(dict.fromkeys(specs, 2.0))
    return replace(found, header=replace(found.header, kernel_hash=hash_of_kernels))


@needs_qemu
def test_every_form_computes_the_same(compiled: Compiled) -> None:
    package = check_package(
        compiled.run, SETTINGS, compiled.artefacts, folder=compiled.folder, notify=ignore
    )
    assert package.mismatches == ()
    images = len(compiled.run.dataset.test)
    assert package.onnx.images == images
    assert package.accuracies.onnx == package.accuracies.frozen
    for report in package.reports:
        emulated = not runs_here(report.target)
        assert isinstance(report.program, Checked)
        assert report.program.emulated == emulated
        assert report.program.verification.images == images
        assert report.program.accuracy == package.accuracies.frozen
        # An emulator's time says nothing about a board.
        assert (report.program.latency is None) == emulated


def test_program_tells_the_accuracy_of_the_frozen_network(
    compiled: Compiled, tmp_path: Path
) -> None:
    copy = host_only(compiled, tmp_path)
    package = check_package(copy.run, SETTINGS_HERE, copy.artefacts, folder=copy.folder,
                            notify=ignore)  # fmt: skip
    command = [str(copy.artefacts[0].program), "--version", "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told = json.loads(done.stdout)
    assert told["accuracy"] == pytest.approx(package.accuracies.frozen, abs=1e-6)
    assert told["test_images"] == package.accuracies.images


def test_manifest_holds_what_was_found(compiled: Compiled, tmp_path: Path) -> None:
    copy = host_only(compiled, tmp_path)
    frozen = read_frozen(copy.folder / "frozen.safetensors")
    specs = {spec for block in frozen.graph.blocks for spec in kernel_specs(block)}
    settings = PackageSettings(
        (named_target("host"),), "tiny", images=5,
        table=table(*specs, hash_of_kernels=kernel_hash()),
    )  # fmt: skip
    check_package(copy.run, settings, copy.artefacts, folder=copy.folder, notify=ignore)
    manifest = json.loads((copy.folder / "host" / "manifest.json").read_text())
    # 2 us for each block.
    assert manifest["predicted_latency_ms"] == pytest.approx(len(frozen.graph.blocks) * 0.002)
    measured = manifest["measured_latency"]
    assert 0 < measured["p10_ms"] <= measured["median_ms"] <= measured["p90_ms"]
    assert manifest["accuracy"]["images"] == 5
    assert manifest["accuracy"]["program"] == manifest["accuracy"]["frozen"]
    assert manifest["verification"]["program"]["result"] == "equal"
    assert manifest["verification"]["program"]["images"] == 5
    assert {"tiny", "libtiny.a", "libtiny.so", "tiny.h", "tiny.py"} < set(manifest["files"])
    assert 0 < manifest["stack_bytes"] < 2**16
    model = (copy.folder / "model.onnx").read_bytes()
    assert manifest["network"]["model.onnx"] == {
        "bytes": len(model), "sha256": hashlib.sha256(model).hexdigest(),
    }  # fmt: skip
    assert manifest["arena_bytes"] == copy.artefacts[0].arena_bytes


def test_first_layer_that_differs_is_named(compiled: Compiled, tmp_path: Path) -> None:
    copy = host_only(compiled, tmp_path)
    tamper(copy.folder)
    settings = PackageSettings((named_target("host"),), "tiny")
    package = check_package(copy.run, settings, copy.artefacts, folder=copy.folder, notify=ignore)
    onnx, program = package.mismatches
    assert onnx.startswith("model.onnx: ")
    assert program.startswith(str(copy.folder / "host" / "tiny"))
    for sentence in (onnx, program):
        assert f"first difference: {TAMPERED}.inner" in sentence
    manifest = json.loads((copy.folder / "host" / "manifest.json").read_text())
    assert manifest["verification"]["program"]["result"] == "different"
    assert manifest["verification"]["onnx"]["result"] == "different"


@pytest.mark.skipif(not runs_here(X86_64), reason="x86 does not run here")
def test_all_kernels_of_a_program_are_compared(compiled: Compiled, tmp_path: Path) -> None:
    settings = PackageSettings((X86_64,), "tiny", images=5)
    artefacts = write_package(compiled.run, settings, folder=tmp_path, notify=ignore)
    package = check_package(compiled.run, settings, artefacts, folder=tmp_path, notify=ignore)
    assert package.mismatches == ()
    manifest = json.loads((tmp_path / "x86-64" / "manifest.json").read_text())
    runnable = [each.name for each in X86_64.variants if runs_here(each)]
    assert manifest["verification"]["program"]["kernels"] == runnable
    tamper(tmp_path)
    (mismatch,) = check_package(
        compiled.run, settings, artefacts, folder=tmp_path, notify=ignore
    ).mismatches[1:]
    assert f"tiny --kernels {runnable[0]}: " in mismatch


@pytest.mark.skipif(runs_here(AARCH64), reason="ARM runs here")
def test_program_without_emulator_is_unverified(
    compiled: Compiled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    package = check_package(
        compiled.run, SETTINGS, compiled.artefacts, folder=compiled.folder, notify=ignore
    )
    assert package.mismatches == ()
    assert isinstance(package.reports[1].program, Unchecked)
    assert any("aarch64 was not verified" in warning for warning in package.warnings)
    manifest = json.loads((compiled.folder / "aarch64" / "manifest.json").read_text())
    assert manifest["verification"]["program"]["result"] == "not verified"
    assert "qemu-aarch64 is not installed" in manifest["verification"]["program"]["reason"]
    assert manifest["accuracy"]["program"] is None


def test_calibration_sees_training_images_alone(compiled: Compiled) -> None:
    dataset = compiled.run.dataset
    pixels = calibration_pixels(dataset.train)
    assert len(pixels) == min(len(dataset.train), CALIBRATION_IMAGES)
    assert tuple(pixels.shape[1:]) == (1, 8, 8)


def test_table_of_other_kernels_is_refused() -> None:
    host = (named_target("host"),)
    with pytest.raises(CostError, match="kernel_hash another"):
        PackageSettings(host, "tiny", table=table(hash_of_kernels="another"))


def test_table_of_no_target_is_refused() -> None:
    arm = (named_target("aarch64"),)
    with pytest.raises(BarsError, match=r"of host, and the targets are aarch64; .* --target host"):
        PackageSettings(arm, "tiny", table=table(hash_of_kernels=kernel_hash()))


def test_table_of_other_threads_is_refused() -> None:
    host = (named_target("host"),)
    fitting = table(hash_of_kernels=kernel_hash())
    with pytest.raises(BarsError, match=r"is of 1 threads, .* has 2: compile with --threads 1, or"):
        PackageSettings(host, "tiny", table=fitting, threads=2)


def test_table_without_the_network_is_refused_first(compiled: Compiled, tmp_path: Path) -> None:
    settings = PackageSettings(
        (named_target("host"),), "tiny", table=table(hash_of_kernels=kernel_hash())
    )
    with pytest.raises(CostError, match="is not in the latency table of host"):
        write_package(compiled.run, settings, folder=tmp_path / "new", notify=ignore)
    assert not (tmp_path / "new").exists()


def test_no_images_verify_nothing() -> None:
    with pytest.raises(BarsError, match="images 0: at least 1"):
        PackageSettings((named_target("host"),), "tiny", images=0)
