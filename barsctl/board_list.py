"""The targets as a user sees them: what each implies and what this machine can do with it."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from targets.catalog import TARGETS
from targets.errors import TargetError
from targets.host import runs_here
from targets.target import Target

from .doctor import installed_version

Execution = Literal["native", "emulated", "no"]


@dataclass(frozen=True, slots=True)
class BoardRow:
    """A target of the catalog. `cpu` and `features` are LLVM's words."""

    name: str
    summary: str
    triple: str
    cpu: str
    features: tuple[str, ...]
    vector_bits: int
    compiles_here: bool
    runs_here: Execution


def board_rows() -> Iterator[BoardRow]:
    """A row per target; `host` is left out on a machine that no target fits."""
    compiles = can_compile()
    for name, build in TARGETS.items():
        try:
            target = build()
        except TargetError:
            continue
        yield BoardRow(
            name=name,
            summary=target.summary,
            triple=target.llvm_triple,
            cpu=target.llvm_cpu,
            features=target.llvm_features,
            vector_bits=target.vector_unit.vector_bits,
            compiles_here=compiles,
            runs_here=execution(target),
        )


def can_compile() -> bool:
    """Whether the kernels' compiler and the cross compiler are installed."""
    return all(installed_version(name) for name in ("apache-tvm", "ziglang"))


def execution(target: Target) -> Execution:
    """How programs for the target run on this machine."""
    if runs_here(target):
        return "native"
    emulated = bool(target.emulator) and shutil.which(target.emulator[0]) is not None
    return "emulated" if emulated else "no"
