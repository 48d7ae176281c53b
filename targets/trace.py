"""The tensors that a program writes to files while it traces an image."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from space.graph import Value

from .kernel_specs import Argument
from .lower import KernelCall


@dataclass(frozen=True, slots=True)
class TracedValue:
    """A tensor that the program writes under `file` while it traces an image."""

    value: Value
    call: int
    argument: Argument

    @property
    def label(self) -> str:
        """Node and port, of letters that every file system takes."""
        return re.sub(r"[^A-Za-z0-9._-]", "_", f"{self.value.node}.{self.value.port}")

    @property
    def file(self) -> str:
        """The file's name in the trace folder."""
        return f"{self.call:03}.{self.label}.npy"


def traced_values(calls: Sequence[KernelCall]) -> tuple[TracedValue, ...]:
    """Every tensor that kernels write, in the order in which they write them."""
    return tuple(
        TracedValue(operand, index, argument)
        for index, call in enumerate(calls)
        for argument, operand in call.pairs
        if argument.role == "output" and isinstance(operand, Value)
    )
