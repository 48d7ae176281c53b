"""The Python file beside a library, as a board imports it."""

import ast
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from targets.boards import AARCH64
from targets.compile import Artefacts
from targets.emit_loader import loader
from targets.network_plan import plan_network
from tests.frozen_oracle import oracle_logits, random_images

from .compiled_networks import compile_example, frozen_example, shared_library


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Artefacts:
    return compile_example("cell", "host", folder=tmp_path_factory.mktemp("compiled"))


def imported(path: Path) -> ModuleType:
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def module(compiled: Artefacts) -> ModuleType:
    return imported(compiled.header.with_suffix(".py"))


def test_logits_are_those_of_the_formulas(module: ModuleType) -> None:
    frozen = frozen_example("cell")
    images = random_images(frozen.graph, np.random.default_rng(4), count=6)
    wanted = oracle_logits(frozen, images)
    network = module.Network()
    assert network.image_shape == images.shape[1:]
    assert network.classes == tuple(f"class {index}" for index in range(7))
    np.testing.assert_array_equal(network.logits(images), wanted)
    np.testing.assert_array_equal(network.logits(images[2]), wanted[2])
    np.testing.assert_array_equal(
        network.logits(images[:, ::-1]), oracle_logits(frozen, images[:, ::-1])
    )
    assert network.logits(images[:0]).shape == (0, 7)
    assert network.logits(images).dtype == np.int32
    assert network.label(images[2]) == f"class {wanted[2].argmax()}"


@pytest.mark.parametrize("networks", [1, 8])
def test_threads_get_the_same_logits(module: ModuleType, networks: int) -> None:
    frozen = frozen_example("cell")
    images = random_images(frozen.graph, np.random.default_rng(4), count=40)
    wanted = oracle_logits(frozen, images)
    found = [module.Network() for _ in range(networks)]
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda index: found[index % networks].logits(images), range(8))
        for answer in answers:
            np.testing.assert_array_equal(answer, wanted)


def test_other_images_are_refused(module: ModuleType) -> None:
    network = module.Network()
    image = np.zeros((9, 9, 3), np.uint8)
    with pytest.raises(TypeError, match=r"^images of float64: give a NumPy array of uint8, pixels"):
        network.logits(image / 255)
    with pytest.raises(TypeError, match=r"^images of list: give a NumPy array of uint8"):
        network.logits(image.tolist())
    for shape in ((9, 8, 3), (9, 9), (1, 1, 9, 9, 3)):
        with pytest.raises(
            ValueError, match=r"give one image \[9, 9, 3\], or \[images, 9, 9, 3\]$"
        ):
            network.logits(np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match=r"^an array of 2 images: label one at a time$"):
        network.label(np.stack([image, image]))


def test_other_libraries_are_refused(compiled: Artefacts, tmp_path: Path) -> None:
    copy = Path(shutil.copy(compiled.header.with_suffix(".py"), tmp_path))
    with pytest.raises(
        FileNotFoundError, match=r"libtiny.so: no such file; copy it beside tiny.py$"
    ):
        imported(copy).Network()
    (tmp_path / "libtiny.so").write_bytes(shared_library(compiled).read_bytes() + b"\0")
    with pytest.raises(
        ValueError, match=r"libtiny.so: it is not what tiny.py was written for; copy"
    ):
        imported(copy).Network()


def test_libraries_of_another_machine_are_refused(tmp_path: Path) -> None:
    artefacts = compile_example("one-pixel", "armv7", folder=tmp_path)
    with pytest.raises(OSError, match=r"libtiny.so: .*; the library is for armv7l$"):
        imported(artefacts.header.with_suffix(".py")).Network()


def test_a_board_needs_numpy_alone(compiled: Artefacts) -> None:
    text = compiled.header.with_suffix(".py").read_text()
    ast.parse(text, feature_version=(3, 9))
    program = (
        "import sys, numpy\nbefore = set(sys.modules)\nimport tiny\ntiny.Network()\n"
        "found = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(found - set(sys.stdlib_module_names))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=compiled.header.parent, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "{'tiny'}\n"


def test_class_names_survive_in_python(compiled: Artefacts, tmp_path: Path) -> None:
    odd = ['a"b', "back\\slash \\g<1>", "naïve ☃", "new\nline", "'", "%s", ""]
    plan = plan_network(frozen_example("cell"), "net", AARCH64)
    (tmp_path / "net.py").write_text(
        loader(plan, odd, library=shared_library(compiled)), encoding="utf-8"
    )
    assert tuple(odd) == imported(tmp_path / "net.py").CLASS_NAMES
