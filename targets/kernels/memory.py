"""A kernel's parameters: its arguments as flat buffers, and its share of the work."""

from dataclasses import dataclass

from tvm.tirx.script import builder as T

from targets.kernel_specs import KernelSpec, arguments
from targets.layouts import WORD_BITS
from targets.vector_unit import VectorUnit

from .vectors import Buffer, Expr


@dataclass(frozen=True, slots=True)
class Memory:
    """Flat views of a kernel's arguments by name.

    Those of uint32 also by (name, width) as words of 8 and 16 bits: tiles of fewer than 32
    channels write parts of words. This call does share `part` of `parts` of the kernel's work.
    divides: whether the processor divides integers.
    """

    flat: dict[str, Buffer]
    narrow: dict[tuple[str, int], Buffer]
    part: Expr
    parts: Expr
    divides: bool

    def __getitem__(self, name: str) -> Buffer:
        return self.flat[name]

    def words(self, name: str, width: int) -> Buffer:
        """A uint32 argument as words of that width, the lowest bits first."""
        return self.flat[name] if width == WORD_BITS else self.narrow[name, width]


def declare(spec: KernelSpec, unit: VectorUnit) -> Memory:
    """Declare the parameters of the function that is being built."""
    parameters = [
        (argument, T.arg(argument.name, T.Buffer(argument.shape, argument.dtype)))
        for argument in arguments(spec, unit)
    ]
    memory = Memory({}, {}, T.arg("part", T.int32()), T.arg("parts", T.int32()), unit.divides)
    for argument, parameter in parameters:
        flat = T.decl_buffer((argument.count,), argument.dtype, data=parameter.data)
        memory.flat[argument.name] = flat
        for width in (8, 16) if argument.dtype == "uint32" else ():
            shape = (argument.count * WORD_BITS // width,)
            view = T.decl_buffer(shape, f"uint{width}", data=parameter.data)
            memory.narrow[argument.name, width] = view
    return memory
