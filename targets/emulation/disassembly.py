"""The machine code of a program as text, cut into stretches that run as one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from targets.target import Target

from .llvm_tools import run_llvm

_INSTRUCTION = re.compile(r"\s*([0-9a-f]+):\s+(.*)")
_COMMENT = re.compile(r"\s*(//|@).*")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring instructions, in assembly, that a program executed equally often.

    That is a basic block, or several that always follow one another.
    """

    instructions: tuple[str, ...]
    executions: int


def disassembled(program: Path, target: Target) -> dict[int, str]:
    """Every instruction of a program for the target by its address, in order.

    Raises TargetError where llvm-objdump is missing or fails.
    """
    text = run_llvm(
        "llvm-objdump", "--disassemble", "--no-show-raw-insn", f"--mcpu={target.llvm_cpu}",
        f"--mattr={','.join(target.llvm_features)}", str(program),
    )  # fmt: skip
    matches = (_INSTRUCTION.fullmatch(line) for line in text.splitlines())
    return {int(match[1], 16): _COMMENT.sub("", match[2]) for match in matches if match}


def stretches(code: Mapping[int, str], executions: Mapping[int, int]) -> list[Stretch]:
    """The executed part of the code."""
    found: list[Stretch] = []
    together: list[str] = []
    before = 0
    for address, instruction in [*code.items(), (-1, "")]:
        count = executions.get(address, 0)
        if count != before:
            if before:
                found.append(Stretch(tuple(together), before))
            together, before = [], count
        together.append(instruction)
    return found
