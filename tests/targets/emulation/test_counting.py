"""Instructions counted in emulators: of assembly whose count is known, and of real kernels."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from space.blocks import BinaryConv, Conv, Epilogue
from targets.boards import AARCH64, ARMV7, CORTEX_A72, CORTEX_A76, CORTEX_M4F, X86_64_V4
from targets.emulation import counting
from targets.emulation.counting import Executed, counted_program, under_a_system
from targets.errors import TargetError
from targets.kernel_specs import KernelSpec, kernel_specs
from targets.subjects import library
from targets.subjects.subject import Subject
from targets.target import Target
from targets.tiling import NO_TILES, Tiles
from targets.toolchain import Toolchain
from targets.vector_unit import Tile
from tests.example_graphs import EXAMPLE_GRAPHS
from tests.targets.timed_blocks import small_specs

# 1 + 5 * 2 + 2 instructions.
LOOPS = {
    "aarch64": "mov w8, #5\n1: subs w8, w8, #1\n b.ne 1b\n mov w0, #0\n ret\n",
    "armv7": "mov r1, #5\n1: subs r1, r1, #1\n bne 1b\n mov r0, #0\n bx lr\n",
}
# 7 of its own, and what memset takes for 512 bytes: at most 16 of them at a time.
CALL = (
    "stp x29, x30, [sp, #-16]!\n mov w1, #7\n mov w2, #512\n bl memset\n"
    "mov w0, #0\n ldp x29, x30, [sp], #16\n ret\n"
)
FUNCTION = """\
.p2align 2
.globl {symbol}
.type {symbol}, %function
{symbol}:
{text}
.size {symbol}, . - {symbol}
"""
SPECS = small_specs()
NETWORK = EXAMPLE_GRAPHS["cell"]()


def needs_emulator(target: Target) -> None:
    if shutil.which(target.emulator[0]) is None:
        pytest.skip(f"{target.emulator[0]} is not installed")


def use_assembled(text: str, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Let every kernel be this text."""

    def object_file(specs: Sequence[KernelSpec], target: Target, *, tiles: Tiles) -> bytes:
        del tiles
        functions = [FUNCTION.format(symbol=each.symbol, text=text) for each in specs]
        (folder / "text.s").write_text("".join(functions))
        tools = Toolchain(target, folder, notify=print)
        (name,) = tools.compile([Path("text.s")], include=folder)
        return (folder / name).read_bytes()

    patch.setattr(library, "object_file", object_file)


def executed(
    subjects: Sequence[Subject], target: Target, folder: Path, *, tiles: Tiles = NO_TILES
) -> list[Executed]:
    program = counted_program(subjects, target, folder, notify=print, tiles=tiles)
    return [program.executed(index) for index in range(len(subjects))]


@pytest.mark.parametrize("target", [AARCH64, ARMV7], ids=lambda target: target.name)
def test_loop_has_the_count_of_its_text(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_emulator(target)
    use_assembled(LOOPS[target.name], tmp_path, monkeypatch)
    (run,) = executed(SPECS[:1], target, tmp_path)
    assert run.instructions == 13
    assert run.called_instructions(SPECS[0]) == 0
    (counts,) = run.functions.values()
    assert list(counts.values()) == [1, 5, 5, 1, 1]
    assert [address - min(counts) for address in counts] == [0, 4, 8, 12, 16]


def test_called_functions_are_part_of_the_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_emulator(AARCH64)
    use_assembled(CALL, tmp_path, monkeypatch)
    (run,) = executed(SPECS[:1], AARCH64, tmp_path)
    assert run.instructions - run.called_instructions(SPECS[0]) == 7
    assert run.called_instructions(SPECS[0]) >= 512 // 16
    assert len(run.functions) == 2


@pytest.mark.parametrize("target", [AARCH64, ARMV7], ids=lambda target: target.name)
def test_counts_of_two_runs_are_equal(target: Target, tmp_path: Path) -> None:
    needs_emulator(target)
    once, again = tmp_path / "once", tmp_path / "again"
    for folder in (once, again):
        folder.mkdir()
    first = executed(SPECS, target, once)
    assert [run.subject for run in first] == list(SPECS)
    assert executed(SPECS, target, again) == first


def test_binary_convolution_counts_every_word(tmp_path: Path) -> None:
    """Each 128 bits take an exclusive or, a count and an addition at least, and seldom ten more."""
    needs_emulator(AARCH64)
    spec = KernelSpec(BinaryConv((64,), 32, 3, 1, 8, Epilogue(inner_signs=1)))
    (run,) = executed([spec], AARCH64, tmp_path)
    steps = 8 * 8 * 32 * 64 * 9 // 128
    assert 3 * steps < run.instructions < 13 * steps
    assert run.called_instructions(spec) < run.instructions / 100


def test_cores_without_a_system_are_counted(tmp_path: Path) -> None:
    """A word takes two loads, an exclusive or, and about 7 to count its bits with two others."""
    needs_emulator(under_a_system(CORTEX_M4F))
    spec = KernelSpec(BinaryConv((64,), 32, 3, 1, 8, Epilogue(inner_signs=1)))
    (run,) = executed([spec], CORTEX_M4F, tmp_path)
    steps = 8 * 8 * 32 * 64 * 9 // 32
    assert 9 * steps < run.instructions < 14 * steps
    assert run.called_instructions(spec) < run.instructions / 100


def test_dot_products_take_a_third_of_the_instructions(tmp_path: Path) -> None:
    needs_emulator(CORTEX_A76)
    spec = KernelSpec(Conv(3, 32, 7, 2, 16, True, Epilogue()))
    counts = []
    for target in (CORTEX_A72, CORTEX_A76):
        folder = tmp_path / target.name
        folder.mkdir()
        (run,) = executed([spec], target, folder)
        counts.append(run.instructions)
    # For 16 products: one instruction instead of two multiplications and two additions.
    assert 3 * counts[1] < counts[0]


def test_tiles_change_the_count(tmp_path: Path) -> None:
    needs_emulator(AARCH64)
    spec = KernelSpec(BinaryConv((64,), 32, 3, 1, 8, Epilogue(inner_signs=1)))
    counts = []
    for tile in (AARCH64.vector_unit.binary, Tile(lanes=16, pixels=1)):
        folder = tmp_path / str(tile.pixels)
        folder.mkdir()
        (run,) = executed([spec], AARCH64, folder, tiles={spec: tile})
        counts.append(run.instructions)
    # One pixel reads all weights for itself: 4 loads for as many counts, instead of for 16.
    assert counts[0] < counts[1]


def test_network_executes_its_kernels_and_little_more(tmp_path: Path) -> None:
    needs_emulator(AARCH64)
    specs = [spec for block in NETWORK.blocks for spec in kernel_specs(block)]
    *kernels, network = executed([*specs, NETWORK], AARCH64, tmp_path)
    total = sum(run.instructions for run in kernels)
    assert total < network.instructions < 1.02 * total


def test_targets_without_an_emulator_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"^target x86-64-v4 names no emulator, .* choose"):
        executed(SPECS, X86_64_V4, tmp_path)
    absent = replace(AARCH64, emulator=("qemu-of-nothing",))
    with pytest.raises(TargetError, match=r"^qemu-of-nothing is not installed.*qemu-user$"):
        executed(SPECS, absent, tmp_path)


def test_emulators_without_plugins_are_refused(tmp_path: Path) -> None:
    emulator = tmp_path / "emulator"
    emulator.write_text("#!/bin/sh\necho 'unknown option plugin' >&2\nexit 1\n")
    emulator.chmod(0o755)
    target = replace(AARCH64, emulator=(str(emulator),))
    with pytest.raises(
        TargetError, match=r"counted nothing \(exit 1\): unknown option plugin; does its"
    ):
        executed(SPECS[:1], target, tmp_path)


def test_kernels_that_do_not_end_are_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_emulator(AARCH64)
    use_assembled("b .\n", tmp_path, monkeypatch)
    monkeypatch.setattr(counting, "_DEADLINE_S", 2.0)
    with pytest.raises(TargetError, match=r"^qemu-aarch64: a kernel did not end within 2 s$"):
        executed(SPECS[:1], AARCH64, tmp_path)
