"""The tensors that a program writes to files while it traces an image."""

import re
from dataclasses import dataclass

from space.graph import BlockGraph, Value

from .kernel_specs import Argument, kernel_specs, outputs


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


def traced_values(graph: BlockGraph) -> tuple[TracedValue, ...]:
    """Every tensor that a graph's kernels write, in the order in which they write them."""
    return tuple(
        TracedValue(Value(node.name, argument.name), index, argument)
        for index, node in enumerate(graph)
        for spec in kernel_specs(node.block)
        for argument in outputs(spec)
    )
