"""The library as people build it into programs of their own, with the tools of this machine."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from targets.archive import read_archive
from targets.catalog import named_target
from targets.compile import Artefacts
from targets.elf import loaded_sections
from targets.emit_package import EXAMPLE
from targets.host import runs_here
from tests.frozen_oracle import oracle_logits, random_images

from .compiled_networks import compile_example, frozen_example, shared_library

HERE = Path(__file__).parent
ADDRESS_AND_UNDEFINED = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
# No warning of the linker either, such as one of an executable stack.
STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wl,--fatal-warnings")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Artefacts:
    return compile_example("cell", "host", folder=tmp_path_factory.mktemp("compiled"))


def test_archive_has_what_programs_need_alone(compiled: Artefacts) -> None:
    """TVM adds debug sections, and half floats in software, which nothing calls."""
    assert b".debug_" not in compiled.archive.read_bytes()
    prefix = compiled.program.name
    assert {name.partition("_")[0] for name in read_archive(compiled.archive).symbols} == {prefix}


def output_of(*command: str | Path, cwd: Path | None = None) -> str:
    """What a tool says; skips the test where it is not installed."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def image_file(folder: Path) -> tuple[Path, NDArray[np.int32]]:
    """Raw pixels, and the logits that the formulas give."""
    frozen = frozen_example("cell")
    image = random_images(frozen.graph, np.random.default_rng(8), count=1)
    path = folder / "pixels"
    path.write_bytes(image.tobytes())
    return path, oracle_logits(frozen, image)[0]


def answer_line(logits: NDArray[np.int32]) -> str:
    return f"class {logits.argmax()} {logits.max()}\n"


def test_example_is_built_by_cmake(compiled: Artefacts, tmp_path: Path) -> None:
    path, logits = image_file(tmp_path)
    example = compiled.header.parent / EXAMPLE
    output_of("cmake", "-S", example, "-B", tmp_path, "-DCMAKE_C_FLAGS=-Werror -Wall")
    output_of("cmake", "--build", tmp_path)
    assert output_of(tmp_path / "example", path) == answer_line(logits)


@pytest.mark.parametrize("flags", [(), ADDRESS_AND_UNDEFINED])
def test_example_is_built_by_pkg_config(
    compiled: Artefacts, tmp_path: Path, flags: Sequence[str]
) -> None:
    path, logits = image_file(tmp_path)
    folder = shutil.copytree(compiled.header.parent, tmp_path / "moved")
    found = output_of("pkg-config", "--cflags", "--libs", folder / "tiny.pc").split()
    source = folder / EXAMPLE / "main.c"
    output_of("gcc", "-std=c11", *STRICT, *flags, source, *found, "-o", tmp_path / "example")
    assert output_of(tmp_path / "example", path) == answer_line(logits)


def test_example_tells_what_it_reads(compiled: Artefacts, tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(bytes(242))
    folder = compiled.header.parent
    words: list[str | Path] = [f"-I{folder}", folder / EXAMPLE / "main.c", compiled.archive]
    output_of("gcc", *words, "-o", tmp_path / "example")
    for arguments in ([], ["missing"], ["short"]):
        command: list[str | Path] = [tmp_path / "example", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert done.stderr == "give a file of 243 bytes: 9 x 9 pixels with 3 channels\n"


@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
def test_threads_run_in_arenas_of_their_own(
    compiled: Artefacts, tmp_path: Path, sanitizer: str
) -> None:
    words: list[str | Path] = [
        HERE / "library_threads.c",
        f"-I{compiled.header.parent}",
        compiled.archive,
    ]
    flags = ["-std=c99", *STRICT, f"-fsanitize={sanitizer}", "-pthread"]
    output_of("gcc", *flags, *words, "-o", tmp_path / "threads")
    assert output_of(tmp_path / "threads") == "0"


@pytest.mark.parametrize("target_name", ["host", "x86-64", "aarch64", "armv7", "cortex-m4f"])
def test_libraries_need_memory_functions_at_most(target_name: str, tmp_path: Path) -> None:
    artefacts = compile_example("cell", target_name, folder=tmp_path)
    lines = [line.split() for line in output_of("nm", artefacts.archive).splitlines()]
    # "$d" and the like mark what is code and what is data on ARM.
    symbols = [tuple(line[-2:]) for line in lines if len(line) > 1 and line[-1][0] != "$"]
    defined = {name for kind, name in symbols if kind != "U"}
    assert {name for kind, name in symbols if kind == "U"} - defined <= {"memcpy", "memset"}
    # Nothing but the arena, and where there are several, which kernels run.
    writable = {name for kind, name in symbols if kind in "bBdDC"}
    chosen = {"chosen"} if named_target(target_name).variants else set()
    assert writable == {"arena", *chosen}
    if artefacts.library is None:
        return
    exported = [
        line.split() for line in output_of("nm", "-D", shared_library(artefacts)).splitlines()
    ]
    assert {line[-1] for line in exported} == {"tiny_run", "tiny_run_in", "tiny_run_part"}
    assert all(line[-2] == "T" for line in exported)


def test_shared_library_has_no_variable_but_its_arena(compiled: Artefacts) -> None:
    writable = [each for each in loaded_sections(shared_library(compiled)) if each.is_writable]
    # Its arena, and what tells the loader where things are.
    assert sum(each.size_bytes for each in writable if each.is_stored) <= 512
    page_bytes = 4096
    room = sum(each.size_bytes for each in writable if not each.is_stored)
    assert compiled.arena_bytes <= room <= compiled.arena_bytes + page_bytes


def test_two_different_networks_run_in_one_program(compiled: Artefacts, tmp_path: Path) -> None:
    other = compile_example("reduction", "host", folder=tmp_path, name="other")
    (tmp_path / "both.c").write_text(
        '#include <stdio.h>\n#include "tiny.h"\n#include "other.h"\n'
        "static uint8_t image[TINY_IMAGE_BYTES], other_image[OTHER_IMAGE_BYTES];\n"
        "static int32_t a[TINY_CLASSES], b[OTHER_CLASSES];\n"
        "int main(void) {\n"
        "  for (int run = 0; run < 2; run++)\n"
        "    if (tiny_run(image, a) != 0 || other_run(other_image, b) != 0) return 1;\n"
        '  for (int i = 0; i < TINY_CLASSES; i++) printf("%d ", a[i]);\n'
        '  for (int i = 0; i < OTHER_CLASSES; i++) printf("%d ", b[i]);\n'
        "  return 0;\n}\n"
    )
    folders = [f"-I{compiled.header.parent}", f"-I{tmp_path}"]
    words: list[str | Path] = [tmp_path / "both.c", compiled.archive, other.archive]
    output_of("gcc", "-std=c99", *STRICT, *folders, *words, "-o", tmp_path / "both")
    wanted = []
    for name in ("cell", "reduction"):
        frozen = frozen_example(name)
        black = np.zeros_like(random_images(frozen.graph, np.random.default_rng(0), count=1))
        wanted += oracle_logits(frozen, black)[0].tolist()
    assert [int(word) for word in output_of(tmp_path / "both").split()] == wanted


@pytest.mark.skipif(not runs_here(named_target("x86-64")), reason="x86 does not run here")
def test_other_processors_are_an_error(tmp_path: Path) -> None:
    artefacts = compile_example("one-pixel", "x86-64", folder=tmp_path)
    (tmp_path / "use.c").write_text(
        '#include <stdio.h>\n#include "tiny.h"\n'
        "int main(void) {\n"
        "  uint8_t image[TINY_IMAGE_BYTES] = {0}; int32_t logits[TINY_CLASSES];\n"
        '  printf("%d", tiny_run(image, logits) == TINY_WRONG_PROCESSOR);\n'
        "  return 0;\n}\n"
    )
    words: list[str | Path] = [f"-I{tmp_path}", tmp_path / "use.c", artefacts.archive]
    output_of("gcc", "-static", *words, "-o", tmp_path / "use")
    # A Core 2 has no SSE4.2.
    assert output_of("qemu-x86_64", "-cpu", "Conroe", tmp_path / "use") == "1"
    assert output_of("qemu-x86_64", "-cpu", "Nehalem", tmp_path / "use") == "0"
