"""Instructions and modelled cycles of kernels for another processor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from targets.kernel_specs import KernelSpec
from targets.target import Target
from targets.tiling import NO_TILES, Tiles
from targets.toolchain import Notify

from .core_model import modelled_cycles
from .counting import PROGRAM, Executed, executed
from .disassembly import disassembled, stretches


@dataclass(frozen=True, slots=True)
class EmulatedCost:
    """One run of a kernel: instructions, exactly, and cycles by the model of each core.

    called_instructions: those of the C library's functions, within `instructions`.
    """

    spec: KernelSpec
    instructions: int
    called_instructions: int
    cycles: Mapping[str, float]


def emulated_costs(
    specs: Sequence[KernelSpec],
    target: Target,
    *,
    cores: Sequence[str] = (),
    notify: Notify,
    tiles: Tiles = NO_TILES,
) -> list[EmulatedCost]:
    """The cost of every spec in order, with cycles on cores named as for LLVM's -mcpu.

    tiles: of kernels that were tuned. Instructions need an emulator with plugins, cycles LLVM's
    tools. Raises TargetError where the target names no emulator, or a tool or the model of a core
    is missing.
    """
    with TemporaryDirectory(prefix="barsctl-emulation-") as name:
        folder = Path(name)
        runs = executed(specs, target, folder, notify=notify, tiles=tiles)
        code = disassembled(folder / PROGRAM, target) if runs and cores else {}
        return [_cost(run, code, target, cores=cores) for run in runs]


def _cost(
    run: Executed, code: Mapping[int, str], target: Target, *, cores: Sequence[str]
) -> EmulatedCost:
    counts = {
        address: executions
        for addresses in run.functions.values()
        for address, executions in addresses.items()
    }
    found = stretches(code, counts)
    return EmulatedCost(
        run.spec,
        run.instructions,
        run.called_instructions,
        {core: modelled_cycles(found, target, core=core) for core in cores},
    )
