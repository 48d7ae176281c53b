import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from barsctl.data.registry import load
from barsctl.errors import BarsError
from barsctl.onnx_package import OnnxPackage, compile_onnx
from barsctl.package import PackageSettings
from barsctl.package_report import Checked
from space.frozen_file import read_frozen
from space.nn.from_floats import freeze_floats, network_of_floats
from space.nn.integer import IntegerNetwork
from targets.catalog import named_target
from targets.onnx_export import export_onnx
from targets.onnx_import.foreign import read_foreign
from targets.onnx_import.given import load_given
from targets.onnx_import.original import original_logits
from tests.barsctl.command_line import CommandLine
from tests.barsctl.tiny_packages import train_tiny
from tests.example_graphs import EXAMPLE_GRAPHS
from tests.targets.compiled_networks import NAME, compile_example, frozen_example

DATA = Path(__file__).parents[1] / "data"
BREVITAS = ("brevitas-zero-border", "brevitas-plus-border")
SETTINGS = PackageSettings((named_target("host"),), NAME, images=40)


def ignore(_: str) -> None:
    """Hear nothing of what takes long."""


def compiled(path: Path, folder: Path, *, images: Path | None = None) -> OnnxPackage:
    return compile_onnx(load_given(path), SETTINGS, images=images, folder=folder, notify=ignore)


def hashes(folder: Path) -> dict[str, str]:
    """The compiled files without the manifest, which holds times."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file() and file.name != "manifest.json"
    }


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs to calibrate on, and noise to compare on."""
    photographs = load("fashion-mini", seed=0).train.batch(np.arange(200))
    noise = np.random.default_rng(0).integers(0, 256, (60, 28, 28), dtype=np.uint8)
    path = tmp_path_factory.mktemp("images") / "images.npz"
    np.savez(
        path, images=photographs, labels=np.arange(200) % 10,
        test_images=noise, test_labels=np.arange(60) % 10,
    )  # fmt: skip
    return path


@pytest.mark.parametrize("name", EXAMPLE_GRAPHS)
def test_exported_example_compiles_to_the_same_bytes(name: str, tmp_path: Path) -> None:
    compile_example(name, "host", folder=tmp_path / "direct")
    frozen = frozen_example(name)
    names = tuple(f"class {index}" for index in range(frozen.graph.classes))
    export_onnx(frozen, tmp_path / "given.onnx", class_names=names, name=NAME)
    package = compiled(tmp_path / "given.onnx", tmp_path / "package").package
    assert package.mismatches == ()
    assert package.accuracies.agreement == 1
    assert hashes(tmp_path / "package" / "host") == hashes(tmp_path / "direct")
    again = (tmp_path / "package" / "model.onnx").read_bytes()
    assert again == (tmp_path / "given.onnx").read_bytes()


def test_trained_run_compiles_from_its_onnx_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    barsctl = CommandLine(monkeypatch, capsys)
    run = train_tiny(tmp_path)
    assert barsctl("compile", run).exit_code == 0
    given = run / "compiled" / "model.onnx"
    answer = barsctl("compile", given, "--out", tmp_path / "again", "--name", "net_tiny_run")
    assert answer.exit_code == 0
    assert "without labels, what the original answers is right" in answer.out
    assert "same answer for 100.00% of images" in answer.out
    assert hashes(tmp_path / "again" / "host") == hashes(run / "compiled" / "host")
    images = tmp_path / "images.npz"
    answer = barsctl("compile", given, "--calibrate", images, "--json", "--images", "9")
    assert answer.exit_code == 0
    accuracy = json.loads(answer.out)["targets"]["host"]["accuracy"]
    assert (accuracy["images"], accuracy["labelled"], accuracy["agreement"]) == (9, True, 1.0)


@pytest.mark.parametrize("name", BREVITAS)
def test_brevitas_model_compiles_and_agrees(name: str, images: Path, tmp_path: Path) -> None:
    found = compiled(DATA / f"{name}.onnx", tmp_path, images=images)
    package = found.package
    assert package.mismatches == ()
    (report,) = package.reports
    assert isinstance(report.program, Checked)
    assert report.program.verification.images == 40
    # On noise, which the model has never seen, two classes are often nearly as likely.
    assert package.accuracies.agreement >= 0.8
    assert len(found.notes) == (3 if name == "brevitas-zero-border" else 0)


@pytest.mark.parametrize("name", BREVITAS)
def test_brevitas_model_keeps_its_numbers(name: str) -> None:
    # In floating point, int8 weights of stem and classifier are all that differs.
    given = load_given(DATA / f"{name}.onnx")
    floats = read_foreign(given).floats
    noise = np.random.default_rng(1).integers(0, 256, (50, 28, 28, 1), dtype=np.uint8)
    expected = original_logits(given, noise)
    with torch.no_grad():
        found = network_of_floats(floats)(torch.from_numpy(noise).permute(0, 3, 1, 2)).numpy()
    spread = expected.std()
    # A value near 0 may turn its sign.
    assert np.median(np.abs(found - expected)) < 0.05 * spread


def test_brevitas_model_agrees_on_photographs() -> None:
    given = load_given(DATA / "brevitas-zero-border.onnx")
    photographs = load("fashion-mini", seed=0).test.batch(np.arange(200))
    pixels = torch.from_numpy(photographs).permute(0, 3, 1, 2)
    frozen = freeze_floats(read_foreign(given).floats, pixels)
    found = IntegerNetwork(frozen).logits(photographs).numpy().argmax(axis=1)
    assert (found == original_logits(given, photographs).argmax(axis=1)).mean() > 0.93


def test_complements_are_frozen_exactly_opposite(images: Path, tmp_path: Path) -> None:
    compiled(DATA / "brevitas-zero-border.onnx", tmp_path, images=images)
    frozen = read_frozen(tmp_path / "frozen.safetensors")
    sign, opposite = frozen.blocks["stem_Conv"].inner_signs
    assert np.array_equal(sign.threshold, opposite.threshold)
    assert np.array_equal(sign.flip, ~opposite.flip)


def test_foreign_model_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BarsError, match=r"is not of barsctl, .* give images .* with --calibrate"):
        compiled(DATA / "brevitas-plus-border.onnx", tmp_path)


def test_package_does_not_replace_the_given_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = tmp_path / "model.onnx"
    export_onnx(frozen_example("cell"), given, class_names=None)
    before = given.read_bytes()
    answer = CommandLine(monkeypatch, capsys)("compile", given, "--out", tmp_path)
    assert answer.exit_code == 1
    assert f"{given} would be replaced by the package's own model.onnx; choose" in answer.err
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [before]


def test_calibration_of_a_training_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = CommandLine(monkeypatch, capsys)("compile", tmp_path, "--calibrate", tmp_path)
    assert answer.exit_code == 1
    assert "is no .onnx file: leave out --calibrate" in answer.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--name", ""), "name '' must be a C identifier"),
        (("--name", "stdint"), "choose another, as net_stdint"),
        (("--target", "cortex-m4f", "--threads", "2"), "2 threads: target cortex-m4f has no"),
    ],
)
def test_refused_compilation_leaves_an_earlier_package_whole(
    words: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    export_onnx(frozen_example("cell"), tmp_path / "model.onnx", class_names=None)
    earlier = tmp_path / "compiled"
    earlier.mkdir()
    (earlier / "model.onnx").write_text("an earlier network")
    given = tmp_path / "model.onnx"
    answer = CommandLine(monkeypatch, capsys)("compile", given, "--target", "host", *words)
    assert answer.exit_code == 1
    assert message in answer.err
    assert [each.name for each in earlier.iterdir()] == ["model.onnx"]
    assert (earlier / "model.onnx").read_text() == "an earlier network"
