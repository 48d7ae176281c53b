"""Instructions and modelled cycles of kernels and networks for another processor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from targets.kernel_specs import KernelSpec
from targets.subjects.subject import Subject
from targets.target import Target
from targets.tiling import NO_TILES, Tiles
from targets.toolchain import Notify

from .core_model import modelled_cycles
from .counting import CountedProgram, Executed, counted_program
from .disassembly import disassembled, stretches


@dataclass(frozen=True, slots=True)
class EmulatedCost:
    """One run of a subject: instructions, exactly, and cycles by the model of each core.

    called_instructions: of a kernel, within `instructions`, those of the C library's functions.
    """

    subject: Subject
    instructions: int
    called_instructions: int
    cycles: Mapping[str, float]


def emulated_costs(
    subjects: Sequence[Subject],
    target: Target,
    *,
    cores: Sequence[str] = (),
    notify: Notify,
    tiles: Tiles = NO_TILES,
) -> list[EmulatedCost]:
    """The cost of every subject in order, with cycles on cores named as for LLVM's -mcpu.

    tiles: of kernels that were tuned. Instructions need an emulator with plugins, cycles LLVM's
    tools. Raises TargetError where the target names no emulator, or a tool or the model of a core
    is missing.
    """
    if not subjects:
        return []
    with TemporaryDirectory(prefix="barsctl-emulation-") as name:
        program = counted_program(subjects, target, Path(name), notify=notify, tiles=tiles)
        code = machine_code(program) if cores else {}
        return [
            emulated_cost(program.executed(index), code, target, cores=cores)
            for index in range(len(subjects))
        ]


def machine_code(program: CountedProgram) -> dict[int, str]:
    """Every instruction of a program by its address; see `disassembled`."""
    return disassembled(program.path, program.target)


def emulated_cost(
    run: Executed, code: Mapping[int, str], target: Target, *, cores: Sequence[str]
) -> EmulatedCost:
    """The cost of a run; code: of its program, where there are cores. See `emulated_costs`."""
    counts = {
        address: executions
        for addresses in run.functions.values()
        for address, executions in addresses.items()
    }
    found = stretches(code, counts)
    spec = run.subject
    return EmulatedCost(
        spec,
        run.instructions,
        run.called_instructions(spec) if isinstance(spec, KernelSpec) else 0,
        {core: modelled_cycles(found, target, core=core) for core in cores},
    )
