"""Every kernel against plain numpy, natively and in emulators, on shapes chosen to break it."""

import ctypes
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from space.blocks import BinaryConv, Block, Classifier, Epilogue
from space.graph import Inputs, Node, Value
from space.nn.integer import run_block
from targets.build import object_file
from targets.catalog import named_target
from targets.emulation.counting import under_a_system
from targets.host import runs_here
from targets.kernel_specs import KernelSpec, kernel_specs
from targets.target import Target
from targets.tiling import NO_TILES, Tiles
from targets.toolchain import Toolchain
from targets.vector_unit import Tile, VectorUnit

from .kernel_blocks import BINARY_CONVS, BLOCKS, CONVS, WIDE
from .kernel_driver import driver_input, driver_source, take_driver_output
from .kernel_memory import GARBAGE, Call, outputs, prepare
from .kernel_object import kernel_object
from .kernel_reference import expected, random_case

SPECS = [kernel_specs(block)[0] for block in BLOCKS]
TILED = [kernel_specs(block)[0] for block in [*BINARY_CONVS, *CONVS]]
WIDE_SPECS = [kernel_specs(block)[0] for block in WIDE]
SAMPLE = SPECS[::4]
SEEDS = range(2)


def name_of(block: Block) -> str:
    return kernel_specs(block)[0].key


@dataclass(frozen=True)
class Library:
    """All kernels for one processor."""

    functions: ctypes.CDLL
    unit: VectorUnit


@pytest.fixture(scope="module", params=["x86-64-vpopcnt", "x86-64-v3", "x86-64-v2"])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Library:
    """All kernels for a target that this machine executes, linked from their object."""
    target = named_target(request.param)
    if not runs_here(target):
        pytest.skip(f"this machine does not execute programs for {target.name}")
    return linked(SPECS, target, tmp_path_factory.mktemp(target.name))


def linked(
    specs: Sequence[KernelSpec], target: Target, folder: Path, tiles: Tiles = NO_TILES
) -> Library:
    (folder / "kernels.o").write_bytes(kernel_object(specs, target, tiles))
    command = [sys.executable, "-m", "ziglang", "cc", "-target", target.zig_triple, "-shared"]
    command += ["-nostdlib", "kernels.o", "-o", "kernels.so"]
    subprocess.run(command, cwd=folder, check=True)
    return Library(ctypes.CDLL(str(folder / "kernels.so")), target.vector_unit)


def tiled_specs(target: Target) -> Iterator[tuple[Tile, list[KernelSpec]]]:
    """Each tile with wide kernels and a third of the others, which changes with tile and target."""
    for index, tile in enumerate(target.vector_unit.tuned_tiles, start=len(target.name)):
        yield tile, [*WIDE_SPECS, *TILED[index % 3 :: 3]]


def run(library: Library, call: Call, *, part: int = 0, parts: int = 1) -> int:
    function = library.functions[call.spec.symbol]
    function.restype = ctypes.c_int32
    pointers = [ctypes.c_void_p(call.memory[each.name].ctypes.data) for each in call.arguments]
    return int(function(*pointers, part, parts))


def spoil_scratch(call: Call) -> None:
    for each in call.arguments:
        if each.role == "scratch":
            call.memory[each.name][: each.size_bytes] = GARBAGE


def check(call: Call) -> None:
    found, wanted = outputs(call), expected(call.case)
    assert list(found) == list(wanted)
    for port, value in wanted.items():
        np.testing.assert_array_equal(found[port], value, err_msg=f"{call.spec.key}: {port}")


def prepared(spec: KernelSpec, seed: int, unit: VectorUnit) -> Call:
    return prepare(spec, random_case(spec.block, np.random.default_rng(seed)), unit)


@pytest.mark.parametrize("block", BLOCKS, ids=name_of)
def test_kernel_computes_the_frozen_formulas(library: Library, block: Block) -> None:
    for seed in SEEDS:
        call = prepared(kernel_specs(block)[0], seed, library.unit)
        assert run(library, call) == 0
        check(call)


@pytest.mark.parametrize("name", ["x86-64-vpopcnt", "x86-64-v3", "x86-64-v2"])
def test_tuned_kernels_compute_the_frozen_formulas(name: str, tmp_path: Path) -> None:
    target = named_target(name)
    if not runs_here(target):
        pytest.skip(f"this machine does not execute programs for {target.name}")
    for tile, specs in tiled_specs(target):
        folder = tmp_path / f"{tile.lanes}x{tile.pixels}"  # a library is loaded once per path
        folder.mkdir()
        library = linked(specs, target, folder, dict.fromkeys(specs, tile))
        for spec in specs:
            call = prepared(spec, 0, library.unit)
            assert run(library, call) == 0
            check(call)


@pytest.mark.parametrize("block", BLOCKS, ids=name_of)
def test_torch_computes_the_same_formulas(block: Block) -> None:
    case = random_case(block, np.random.default_rng(0))
    read = [Value(str(index), "inner") for index in range(len(case.inputs))]
    epilogue = Epilogue() if isinstance(block, Classifier) else block.epilogue
    sources = len(read) - epilogue.shortcuts - int(epilogue.outer)
    shortcuts = tuple(read[sources : sources + epilogue.shortcuts])
    inputs = Inputs(tuple(read[:sources]), shortcuts, read[-1] if epilogue.outer else None)
    values = {
        value: torch.tensor(array).permute(2, 0, 1)[None].int()
        for value, array in zip(read, case.inputs, strict=True)
    }
    found = run_block(Node("block", block, inputs), case.frozen, values)
    for port, wanted in expected(case).items():
        tensor = found[Value("block", port)][0]
        channels_last = tensor.permute(1, 2, 0) if tensor.ndim == 3 else tensor
        np.testing.assert_array_equal(channels_last.numpy(), wanted, err_msg=port)


@pytest.mark.parametrize("parts", [2, 3, 40])
def test_shares_make_up_the_whole(library: Library, parts: int) -> None:
    for spec in SPECS:
        call = prepared(spec, 0, library.unit)
        for part in range(parts):
            spoil_scratch(call)
            assert run(library, call, part=part, parts=parts) == 0
        check(call)


def differing(channels: int, unit: VectorUnit) -> Call:
    """A call whose every bit differs from its weight."""
    start = f"binary_conv(in_channels={channels},"
    spec = next(spec for spec in SPECS if spec.key.startswith(start))
    case = random_case(spec.block, np.random.default_rng(0))
    assert case.frozen.weights is not None
    weights = np.ones_like(case.frozen.weights)
    inputs = (np.ones_like(case.inputs[0]),)
    return prepare(
        spec, replace(case, frozen=replace(case.frozen, weights=weights), inputs=inputs), unit
    )


# 33 and 4097 words: more than a sum of 8 and of 16 bits could hold.
MANY_CHANNELS = [1056, 131104]


@pytest.mark.parametrize("channels", MANY_CHANNELS)
def test_counts_hold_when_every_bit_differs(library: Library, channels: int) -> None:
    call = differing(channels, library.unit)
    assert run(library, call) == 0
    check(call)


@pytest.mark.parametrize("name", ["aarch64", "cortex-a76", "armv7", "cortex-m4f"])
def test_arm_kernels_compute_the_formulas(name: str, tmp_path: Path) -> None:
    target = under_a_system(named_target(name))
    if shutil.which(target.emulator[0]) is None:
        pytest.skip(f"{target.emulator[0]} is not installed")
    unit = target.vector_unit
    calls = [prepared(spec, seed, unit) for spec in SPECS for seed in SEEDS]
    calls += [differing(channels, unit) for channels in MANY_CHANNELS]
    emulate(calls, target, tmp_path, kernel_object(SPECS, target))
    for call in calls:
        check(call)


@pytest.mark.parametrize("name", ["x86-64-v1", "cortex-a72", "armv8.2-dotprod", "cortex-a9"])
def test_processors_lack_no_instruction_of_their_kernels(name: str, tmp_path: Path) -> None:
    """A few kernels of each kind: others share most of what these processors do."""
    target = named_target(name)
    if shutil.which(target.emulator[0]) is None:
        pytest.skip(f"{target.emulator[0]} is not installed")
    calls = [prepared(spec, 0, target.vector_unit) for spec in SAMPLE]
    emulate(calls, target, tmp_path, kernel_object(SAMPLE, target))
    for call in calls:
        check(call)


def test_avx512_without_bit_counts_computes_the_formulas(tmp_path: Path) -> None:
    target = named_target("x86-64-v4")
    if not runs_here(target):
        pytest.skip(f"this machine does not execute programs for {target.name}")
    library = linked(SAMPLE, target, tmp_path)
    for spec in SAMPLE:
        call = prepared(spec, 0, library.unit)
        assert run(library, call) == 0
        check(call)


def test_emulator_refuses_what_its_processor_lacks(tmp_path: Path) -> None:
    """So that the test above means something: SSE4.2 code is none of an SSE2 processor's."""
    target, later = named_target("x86-64-v1"), named_target("x86-64-v2")
    if shutil.which(target.emulator[0]) is None:
        pytest.skip(f"{target.emulator[0]} is not installed")
    specs = [spec for spec in SAMPLE if isinstance(spec.block, BinaryConv)][:1]
    calls = [prepared(spec, 0, later.vector_unit) for spec in specs]
    with pytest.raises(subprocess.CalledProcessError, match="SIGILL"):
        emulate(calls, target, tmp_path, object_file(specs, later))


@pytest.mark.parametrize("name", ["aarch64", "cortex-a76", "armv7"])
def test_tuned_arm_kernels_compute_the_formulas(name: str, tmp_path: Path) -> None:
    target = named_target(name)
    if shutil.which(target.emulator[0]) is None:
        pytest.skip(f"{target.emulator[0]} is not installed")
    for tile, specs in tiled_specs(target):
        kernels = kernel_object(specs, target, dict.fromkeys(specs, tile))
        calls = [prepared(spec, 0, target.vector_unit) for spec in specs]
        emulate(calls, target, tmp_path, kernels)
        for call in calls:
            check(call)


def emulate(calls: list[Call], target: Target, folder: Path, kernels: bytes) -> None:
    """Run the calls in the target's emulator."""
    (folder / "driver.c").write_text(driver_source(calls))
    (folder / "kernels.o").write_bytes(kernels)
    tools = Toolchain(target, folder, notify=print)
    objects = tools.compile([Path("driver.c")], include=folder)
    tools.link_program([*objects, "kernels.o"], "driver")
    command = [*target.emulator, str(folder / "driver")]
    done = subprocess.run(command, input=driver_input(calls), capture_output=True, check=True)
    take_driver_output(calls, done.stdout)
