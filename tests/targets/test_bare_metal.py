"""Libraries for boards without an operating system, and the programs that test them."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from space.decode import decode
from space.genotype import read_genotype
from space.random_frozen import random_frozen
from targets.assemble import RUNTIME
from targets.boards import CORTEX_M4F
from targets.compile import Artefacts, compile_network
from targets.compiled_file import read_compiled
from targets.described import described_artefacts
from targets.elf import loaded_sections
from targets.emit_board import linker_script
from targets.errors import TargetError
from targets.manifest import described
from targets.measuring.measure import require_measurable
from targets.measuring.place import LOCAL, Place, parse_place
from targets.network_plan import plan_network
from targets.runners import runnable
from targets.runners.program import NotRunnable, Program
from targets.stack_use import stack_bytes
from targets.toolchain import Toolchain
from tests.frozen_oracle import oracle_logits, random_images

from .compiled_networks import frozen_example

GENOTYPE = Path(__file__).parents[2] / "benchmarks" / "data" / "demo-genotype.json"
# What a network for images of 28x28 pixels may take.
MOST_CODE_BYTES, MOST_ARENA_BYTES, MOST_STACK_BYTES = 48 * 1024, 64 * 1024, 2048
DOCUMENTATION = Path(__file__).parents[2] / "docs" / "cortex_m.md"
BOARD = """\
#include <stdint.h>
void print(const char *text);
_Noreturn void end_program(int status);
static const uint8_t frame[] = {{{pixels}}};
const uint8_t *next_frame(void) {{ return frame; }}
void show(const char *text) {{ print(text); end_program(0); }}
"""
FROZEN = random_frozen(decode(read_genotype(GENOTYPE)), np.random.default_rng(0))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Artefacts:
    """The demo's network with random integers."""
    folder = tmp_path_factory.mktemp("demo")
    names = [str(number) for number in range(FROZEN.graph.classes)]
    return compile_network(
        FROZEN, CORTEX_M4F, folder, name="demo", class_names=names, notify=lambda _: None
    )


def program_of(artefacts: Artefacts) -> Program:
    found = runnable(artefacts.program, CORTEX_M4F)
    if isinstance(found, NotRunnable):
        pytest.skip(found.reason)
    return found


def test_network_fits_a_small_board(compiled: Artefacts) -> None:
    manifest = json.loads(compiled.manifest.read_text())
    assert manifest["weight_bytes"] / 2 < manifest["code_bytes"] <= MOST_CODE_BYTES
    assert manifest["arena_bytes"] == compiled.arena_bytes <= MOST_ARENA_BYTES


def test_emulated_board_computes_the_logits(compiled: Artefacts) -> None:
    images = random_images(FROZEN.graph, np.random.default_rng(4), count=8)
    program = program_of(compiled)
    assert program.emulated
    np.testing.assert_array_equal(program.logits(images), oracle_logits(FROZEN, images))
    assert program.logits(images[:0]).shape == (0, FROZEN.graph.classes)


def test_channel_of_grey_images_may_be_left_out(compiled: Artefacts, tmp_path: Path) -> None:
    program = program_of(compiled)
    images = random_images(FROZEN.graph, np.random.default_rng(4), count=2)
    for shown in (images[..., 0], images[0], images[0, ..., 0]):
        np.save(tmp_path / "images.npy", shown)
        words = program.started(("--logits", "logits.npy", "images.npy"))
        subprocess.run(words, cwd=tmp_path, check=True)
        expected = oracle_logits(FROZEN, images if shown.shape[0] == 2 else images[:1])
        np.testing.assert_array_equal(np.load(tmp_path / "logits.npy"), expected)


def test_stack_of_a_board_is_measured(compiled: Artefacts) -> None:
    program_of(compiled)
    found = stack_bytes(compiled, CORTEX_M4F, lambda _: None)
    assert found is not None
    assert 100 < found <= MOST_STACK_BYTES


def test_wrong_words_are_told_on_the_board(compiled: Artefacts, tmp_path: Path) -> None:
    program = program_of(compiled)
    (tmp_path / "odd.npy").write_bytes(b"no images")
    size = FROZEN.graph.image_size
    np.save(tmp_path / "floats.npy", np.zeros((1, size, size, 1), np.float32))
    np.save(tmp_path / "large.npy", np.zeros((1, 2 * size, 2 * size, 1), np.uint8))
    np.save(tmp_path / "turned.npy", np.zeros((2, size, size, 1), np.uint8, order="F"))
    for words, exit_code, line in (
        ((), 2, "demo: classifies the images of a file: --logits ANSWER.npy IMAGES.npy; "),
        (("--logits", "a.npy", "none.npy"), 1, "none.npy: it cannot be read; check the path\n"),
        (("--logits", "a.npy", "odd.npy"), 1, "odd.npy: these are no uint8 images "),
        (("--logits", "a.npy", "floats.npy"), 1, "floats.npy: these are no uint8 images "),
        (("--logits", "a.npy", "large.npy"), 1, "large.npy: these are no uint8 images "),
        (("--logits", "a.npy", "turned.npy"), 1, "turned.npy: these are no uint8 images "),
        (("--logits", "a.npy", "two words.npy"), 2, "demo: classifies the images of a file: "),
    ):
        done = subprocess.run(
            program.started(words), cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr[: len(line)]) == (exit_code, line)


def test_arena_beyond_the_ram_is_told(tmp_path: Path) -> None:
    assert CORTEX_M4F.memory is not None
    board = replace(CORTEX_M4F, memory=replace(CORTEX_M4F.memory, ram_bytes=4096))
    frozen = frozen_example("one-pixel")
    names = [str(number) for number in range(frozen.graph.classes)]
    program = program_of(
        compile_network(frozen, board, tmp_path, name="net", class_names=names, notify=print)
    )
    with pytest.raises(TargetError, match=r"net: its arena is larger than the board's RAM"):
        program.logits(random_images(frozen.graph, np.random.default_rng(4), count=1))


def test_documented_firmware_classifies(compiled: Artefacts, tmp_path: Path) -> None:
    text = DOCUMENTATION.read_text().partition("```c\n")[2].partition("```")[0]
    image = random_images(FROZEN.graph, np.random.default_rng(6), count=1)
    (tmp_path / "main.c").write_text(text.replace("net_train", "demo").replace("NET_TRAIN", "DEMO"))
    (tmp_path / "board.c").write_text(BOARD.format(pixels=", ".join(map(str, image.ravel()))))
    assert CORTEX_M4F.memory is not None
    (tmp_path / "board.ld").write_text(linker_script(CORTEX_M4F.memory))
    around = [RUNTIME / "bare_metal" / name for name in ("startup.c", "semihosting.c")]
    tools = Toolchain(CORTEX_M4F, tmp_path, notify=print)
    objects = tools.compile([Path("main.c"), Path("board.c")], include=compiled.header.parent)
    objects += tools.compile(around, include=RUNTIME)
    tools.link_firmware(
        [*objects, str(compiled.archive)], "firmware", script="board.ld", entry="reset"
    )
    firmware = program_of(replace(compiled, program=tmp_path / "firmware"))
    done = subprocess.run(firmware.started(()), capture_output=True, text=True, check=True)
    assert done.stdout == str(oracle_logits(FROZEN, image)[0].argmax())


def test_folder_holds_what_a_board_can_use(compiled: Artefacts) -> None:
    manifest = described(compiled.manifest)
    assert set(manifest.files) == {"demo", "libdemo.a", "demo.h", "demo.pc", "demo-config.cmake"}
    assert described_artefacts(compiled.manifest.parent, manifest) == compiled
    assert compiled.library is None
    found = read_compiled(compiled.program)
    assert found is not None
    assert found.kind == "static program"
    # Code and constants run from flash.
    sections = loaded_sections(compiled.program)
    assert sum(each.size_bytes for each in sections if each.is_writable and each.is_stored) <= 64


def test_board_has_one_thread() -> None:
    with pytest.raises(TargetError, match=r"2 threads: target cortex-m4f has no operating system"):
        plan_network(frozen_example("one-pixel"), "net", CORTEX_M4F, threads=2)


@pytest.mark.parametrize("place", [LOCAL, parse_place("rpc://board:9090")])
def test_board_cannot_be_timed(place: Place) -> None:
    with pytest.raises(TargetError, match=r"cortex-m4f has no operating.*take emulated or mod"):
        require_measurable(CORTEX_M4F, place, threads=1)


def test_missing_board_emulator_is_named(
    compiled: Artefacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert runnable(compiled.program, CORTEX_M4F) == NotRunnable(
        "demo is for a board without an operating system; "
        "qemu-system-arm is not installed; on Debian: apt install qemu-system-arm"
    )
