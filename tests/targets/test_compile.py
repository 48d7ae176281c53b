"""Whole networks: every number that a compiled program computes is what the formulas say."""

import ctypes
import json
import platform
import re
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from tempfile import gettempdir
from threading import Barrier
from typing import Any

import numpy as np
import pytest

from targets.assemble import RUNTIME
from targets.build import kernel_hash
from targets.catalog import TARGETS, named_target
from targets.compile import Artefacts, compile_network
from targets.emit_about import Score
from targets.errors import TargetError
from targets.host import runs_here
from targets.lower import lower, specs
from targets.runners import runnable
from targets.runners.emulated import emulated_program
from targets.runners.local import local_program
from targets.runners.program import NotRunnable, Program
from targets.tiling import candidate_tiles
from targets.toolchain import zig_cache
from targets.trace import traced_values
from targets.vector_unit import Tile
from targets.verify import canonical_values, first_difference
from tests.frozen_oracle import oracle_logits, oracle_values, random_images

from .compiled_networks import NAME, compile_example, frozen_example, shared_library

ROOT = Path(__file__).parents[2]
NETWORKS = [
    ("host", "cell"),
    ("host", "reduction"),
    ("host", "real-convs"),
    ("host", "one-pixel"),
    ("x86-64-v3", "cell"),
    ("aarch64", "cell"),
    ("aarch64", "real-convs"),
    ("armv7", "cell"),
    ("armv7", "reduction"),
    ("cortex-m4f", "cell"),
    ("cortex-m4f", "pooled"),
    ("cortex-m7", "reduction"),
]


@pytest.mark.parametrize(("target_name", "graph_name"), NETWORKS)
def test_program_computes_what_the_formulas_say(
    target_name: str, graph_name: str, tmp_path: Path
) -> None:
    artefacts = compile_example(graph_name, target_name, folder=tmp_path)
    program = runnable(artefacts.program, named_target(target_name))
    if isinstance(program, NotRunnable):
        pytest.skip(program.reason)
    frozen = frozen_example(graph_name)
    images = random_images(frozen.graph, np.random.default_rng(4), count=6)
    np.testing.assert_array_equal(program.logits(images), oracle_logits(frozen, images))
    files = [each.file for each in traced_values(frozen.graph)]
    found = canonical_values(frozen.graph, program.trace(images[5], files))
    wanted = {value: array[0] for value, array in oracle_values(frozen, images[5:]).items()}
    assert first_difference(found, wanted) is None
    assert len(found) == len(wanted) - 1  # all but the image


@pytest.mark.parametrize("target_name", [name for name in TARGETS if name not in dict(NETWORKS)])
def test_every_target_computes_a_network_of_all_blocks(target_name: str, tmp_path: Path) -> None:
    target = named_target(target_name)
    artefacts = compile_example("reduction", target_name, folder=tmp_path)
    frozen = frozen_example("reduction")
    images = random_images(frozen.graph, np.random.default_rng(4), count=6)
    # An emulator of the processor also proves that no instruction is used that it lacks.
    found = [
        local_program(artefacts.program, target), emulated_program(artefacts.program, target)
    ]  # fmt: skip
    programs = [each for each in found if isinstance(each, Program)]
    if not programs:
        pytest.skip("; ".join(str(each) for each in found))
    for program in programs:
        np.testing.assert_array_equal(program.logits(images), oracle_logits(frozen, images))


def test_every_variant_computes_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("targets.lower.SHARED_WORK", 0)
    frozen = frozen_example("reduction")
    images = random_images(frozen.graph, np.random.default_rng(4), count=6)
    target = named_target("x86-64")
    if not runs_here(target):
        pytest.skip(f"this machine does not execute programs for {target.name}")
    artefacts = compile_example("reduction", target.name, folder=tmp_path, threads=2)
    for chosen in ([], *(["--kernels", each.name] for each in target.variants if runs_here(each))):
        program = Program((str(artefacts.program), *chosen), emulated=False)
        np.testing.assert_array_equal(program.logits(images), oracle_logits(frozen, images))


def test_tuned_kernels_compute_the_same(tmp_path: Path) -> None:
    frozen = frozen_example("cell")
    images = random_images(frozen.graph, np.random.default_rng(4), count=6)
    target = named_target("host")
    calls = lower(frozen.graph, target.vector_unit)
    tuned = [spec for spec in specs(calls) if candidate_tiles(spec, target.vector_unit)]
    for index in (1, 2):
        tiles = {spec.key: candidate_tiles(spec, target.vector_unit)[index] for spec in tuned}
        artefacts = compile_network(
            frozen, target, tmp_path, name="tiny", class_names=[""] * frozen.graph.classes,
            notify=lambda _: None, tiles=tiles,
        )  # fmt: skip
        program = Program((str(artefacts.program),), emulated=False)
        np.testing.assert_array_equal(program.logits(images), oracle_logits(frozen, images))
        found = json.loads(artefacts.manifest.read_text())["tiles"]
        assert found == {key: asdict(tile) for key, tile in tiles.items()}


@pytest.mark.parametrize(
    ("target_name", "shared_work"),
    [("host", 0), ("host", 2**16), ("host", 2**30), ("aarch64", 0), ("cortex-a9", 0)],
)
def test_threads_change_no_logit(
    target_name: str, shared_work: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("targets.lower.SHARED_WORK", shared_work)
    frozen = frozen_example("reduction")
    images = random_images(frozen.graph, np.random.default_rng(4), count=20)
    artefacts = compile_example("reduction", target_name, folder=tmp_path, threads=3)
    program = runnable(artefacts.program, named_target(target_name))
    if isinstance(program, NotRunnable):
        pytest.skip(program.reason)
    np.testing.assert_array_equal(program.logits(images), oracle_logits(frozen, images))
    assert json.loads(artefacts.manifest.read_text())["threads"] == 3


def test_threads_of_the_caller_share_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("targets.lower.SHARED_WORK", 0)
    frozen = frozen_example("cell")
    artefacts = compile_example("cell", "host", folder=tmp_path, threads=2)
    library = ctypes.CDLL(str(shared_library(artefacts)))
    image = random_images(frozen.graph, np.random.default_rng(5), count=1)
    logits = np.zeros(frozen.graph.classes, np.int32)
    room = np.full(artefacts.arena_bytes + 64, 0xAB, np.uint8)
    arena = room.ctypes.data + -room.ctypes.data % 64
    barrier = Barrier(2, timeout=60)
    meet = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: barrier.wait())

    def run(part: int) -> int:
        pointers = [
            ctypes.c_void_p(each) for each in (arena, image.ctypes.data, logits.ctypes.data)
        ]
        return int(library.tiny_run_part(*pointers, part, 2, meet, None))

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(run, range(2))) == [0, 0]
    np.testing.assert_array_equal(logits, oracle_logits(frozen, image)[0])


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Artefacts:
    return compile_example("cell", "host", folder=tmp_path_factory.mktemp("compiled"))


@pytest.mark.parametrize("target_name", ["host", "aarch64"])
def test_same_network_gives_the_same_bytes_elsewhere(
    target_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "first"
    compile_example("cell", target_name, folder=folder)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", str(zig_cache().resolve()))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONHASHSEED", "5")
    monkeypatch.chdir(tmp_path / "home")
    compile_example("cell", target_name, folder=Path("else where"))
    again = tmp_path / "home" / "else where"
    for file in (path.relative_to(folder) for path in folder.rglob("*") if path.is_file()):
        assert (folder / file).read_bytes() == (again / file).read_bytes(), file


def test_no_path_or_date_of_this_machine_is_in_what_is_built(compiled: Artefacts) -> None:
    places = [f"{place}/".encode() for place in (ROOT, Path.home(), Path(gettempdir()))]
    today = time.strftime("%Y-%m-%d").encode()
    for path in compiled.program.parent.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        for place in (*places, today):
            assert place not in data, (path.name, place)


def test_manifest_tells_what_the_folder_holds(compiled: Artefacts) -> None:
    manifest = json.loads(compiled.manifest.read_text())
    folder = compiled.program.parent
    files = [path for path in folder.rglob("*") if path.is_file() and path != compiled.manifest]
    assert manifest["format"] == 1
    assert manifest["target"]["name"] == "host"
    assert manifest["kernel_hash"] == kernel_hash()
    assert manifest["image"] == [9, 9, 3]
    assert manifest["arena_bytes"] == compiled.arena_bytes
    assert manifest["files"] == {
        str(path.relative_to(folder)): {
            "bytes": path.stat().st_size,
            "sha256": sha256(path.read_bytes()).hexdigest(),
        }
        for path in files
    }
    assert {path.name for path in folder.iterdir()} == {
        "tiny", "libtiny.a", "libtiny.so", "tiny.h", "tiny.pc", "tiny-config.cmake", "tiny.py",
        "c-example", "manifest.json",
    }  # fmt: skip
    assert (
        0
        < manifest["code_bytes"]
        < shared_library(compiled).stat().st_size - manifest["weight_bytes"]
    )


def test_program_tells_what_it_is(compiled: Artefacts, tmp_path: Path) -> None:
    found = about(compiled)
    assert found == {
        "name": NAME,
        "target": "host",
        "build_hash": found["build_hash"],
        "kernel_hash": kernel_hash(),
        "barsctl_version": version("barsctl"),
        "accuracy": None,
        "test_images": 0,
    }
    assert re.fullmatch(r"[0-9a-f]{16}", found["build_hash"])
    assert json.loads(compiled.manifest.read_text())["build_hash"] == found["build_hash"]
    # The score is no part of the network, its kernels are.
    scored = about(compile_example("cell", "host", folder=tmp_path, score=Score(7, 8)))
    assert scored == found | {"accuracy": 0.875, "test_images": 8}
    others = (
        compile_example("one-pixel", "host", folder=tmp_path),
        compile_example("cell", "host", folder=tmp_path / "threads", threads=2),
    )
    assert len({found["build_hash"], *(about(other)["build_hash"] for other in others)}) == 3


def about(artefacts: Artefacts) -> dict[str, Any]:
    command = [str(artefacts.program), "--version", "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_program_is_small_beside_its_weights(tmp_path: Path) -> None:
    artefacts = compile_example("cell", "aarch64", folder=tmp_path)
    weight_bytes = json.loads(artefacts.manifest.read_text())["weight_bytes"]
    assert artefacts.program.stat().st_size - weight_bytes <= 100_000


def test_program_times_every_layer(compiled: Artefacts) -> None:
    command = [str(compiled.program), "--bench", "20", "--layers", "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    names = [layer["name"] for layer in json.loads(done.stdout)["layers"]]
    assert names == [node.name for node in frozen_example("cell").graph]


def test_shared_library_runs_in_any_process(compiled: Artefacts) -> None:
    library = ctypes.CDLL(str(shared_library(compiled)))
    frozen = frozen_example("cell")
    images = random_images(frozen.graph, np.random.default_rng(5), count=3)
    logits = np.zeros((2, frozen.graph.classes), np.int32)
    arena = np.full(compiled.arena_bytes + 64, 0xAB, np.uint8)  # what is there must not matter
    aligned = arena.ctypes.data + -arena.ctypes.data % 64
    for image, wanted in zip(images, oracle_logits(frozen, images), strict=True):
        pointers = [ctypes.c_void_p(each.ctypes.data) for each in (image, logits[0], logits[1])]
        assert library.tiny_run(pointers[0], pointers[1]) == 0
        assert library.tiny_run_in(ctypes.c_void_p(aligned), pointers[0], pointers[2]) == 0
        np.testing.assert_array_equal(logits, [wanted, wanted])
    assert library.tiny_run_in(ctypes.c_void_p(aligned + 4), pointers[0], pointers[2]) == -1
    for part, parts in ((0, 2), (-1, 1), (1, 1)):  # it was compiled for one thread
        assert library.tiny_run_part(None, pointers[0], pointers[2], part, parts, None, None) == -3


def test_images_may_lie_anywhere(compiled: Artefacts) -> None:
    library = ctypes.CDLL(str(shared_library(compiled)))
    frozen = frozen_example("cell")
    image = random_images(frozen.graph, np.random.default_rng(6), count=1)
    logits = np.zeros(frozen.graph.classes, np.int32)
    for offset in (1, 3, 8):
        room = np.zeros(image.size + 64, np.uint8)
        start = -room.ctypes.data % 64 + offset
        room[start : start + image.size] = image.ravel()
        address = ctypes.c_void_p(room.ctypes.data + start)
        assert library.tiny_run(address, ctypes.c_void_p(logits.ctypes.data)) == 0
        np.testing.assert_array_equal(logits, oracle_logits(frozen, image)[0])


def test_tiles_of_one_processor_are_not_for_several(tmp_path: Path) -> None:
    frozen = frozen_example("cell")
    with pytest.raises(TargetError, match=r"x86-64 holds kernels for 3 processors, and tuned"):
        compile_network(
            frozen, named_target("x86-64"), tmp_path, name="tiny",
            class_names=[""] * frozen.graph.classes, notify=print, tiles={"some": Tile(16, 7)},
        )  # fmt: skip


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
def test_processor_is_asked_what_the_system_tells(tmp_path: Path) -> None:
    variants = named_target("x86-64").variants
    if platform.machine() != "x86_64":
        pytest.skip("this is no x86")
    checks = " ".join(f'printf("%d ", {each.runtime_check}());' for each in variants)
    (tmp_path / "ask.c").write_text(
        f'#include <stdio.h>\n#include "x86-features.h"\nint main(void) {{ {checks} return 0; }}\n'
    )
    command = ["gcc", "-std=c99", "-Wall", "-Werror", f"-I{RUNTIME}", "ask.c", "-o", "ask"]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "ask"], check=True, capture_output=True, text=True)
    assert [word == "1" for word in done.stdout.split()] == [runs_here(each) for each in variants]


def test_network_may_have_the_name_of_a_runtime_file(tmp_path: Path) -> None:
    artefacts = compile_example("one-pixel", "host", folder=tmp_path, name="main")
    done = subprocess.run([artefacts.program, "--help"], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("usage: main ")


def test_refused_networks_leave_the_folder_as_it_was(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("an earlier program")
    with pytest.raises(TargetError, match=r"name 'Ti-ny' must be a C identifier"):
        compile_example("one-pixel", "host", folder=tmp_path, name="Ti-ny")
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert (tmp_path / NAME).read_text() == "an earlier program"


def test_interrupted_compilations_leave_no_earlier_manifest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(*_: object) -> Path:
        raise KeyboardInterrupt

    (tmp_path / "manifest.json").write_text("{}")
    monkeypatch.setattr("targets.compile.write_manifest", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compile_example("one-pixel", "host", folder=tmp_path)
    assert (tmp_path / NAME).exists()
    assert not (tmp_path / "manifest.json").exists()
