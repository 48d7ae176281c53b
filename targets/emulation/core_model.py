"""Cycles by LLVM's models of cores: llvm-mca's simulation of each stretch of code, repeated.

A model knows no cache misses and no wrong branch predictions, and a stretch of which each execution
overlaps with the next: cycles of kernels that compute, not of those that wait for memory.
"""

import json
import re
from collections.abc import Sequence

from targets.errors import TargetError
from targets.target import Target

from .disassembly import Stretch
from .llvm_tools import run_llvm

_ITERATIONS = 100
_TARGET = re.compile(r"0x[0-9a-f]+ <[^>]*>")
_LABEL = ".Lanywhere"


def modelled_cycles(code: Sequence[Stretch], target: Target, *, core: str) -> float:
    """Cycles that a core, named as for llvm-mca's -mcpu, takes for executed stretches.

    Without an operating system, a stretch of what the core lacks, as the C library of the program
    that is counted has it, takes a cycle for each instruction. Raises TargetError where llvm-mca is
    missing or has no model of the core.
    """
    if not code:
        return 0.0
    unmodelled = "any" if target.is_bare_metal else "lack-sched"
    options = (
        f"-mtriple={target.llvm_triple}", f"-mcpu={core}", f"-iterations={_ITERATIONS}", "-json",
        f"-mattr={','.join(target.llvm_features)}", f"-skip-unsupported-instructions={unmodelled}",
    )  # fmt: skip
    try:
        regions = json.loads(run_llvm("llvm-mca", *options, stdin=_assembly(code)))["CodeRegions"]
    except TargetError as error:
        if "scheduling information" not in str(error) and "not a recognized" not in str(error):
            raise
        raise TargetError(
            f"LLVM has no model of {core!r} as {target.llvm_triple}; "
            "name a core that llvm-mca models, such as cortex-a53 or cortex-a72 on 64-bit ARM"
        ) from None
    cycles = {region["Name"]: region["SummaryView"]["TotalCycles"] for region in regions}
    total: int = sum(
        cycles.get(str(number), _ITERATIONS * len(stretch.instructions)) * stretch.executions
        for number, stretch in enumerate(code)
    )
    return total / _ITERATIONS


def _assembly(code: Sequence[Stretch]) -> str:
    """The stretches as llvm-mca's regions; where a branch leads does not matter to it."""
    lines = [f"{_LABEL}:"]
    for number, stretch in enumerate(code):
        lines.append(f"# LLVM-MCA-BEGIN {number}")
        lines += [_TARGET.sub(_LABEL, instruction) for instruction in stretch.instructions]
        lines.append(f"# LLVM-MCA-END {number}")
    return "\n".join(lines) + "\n"
