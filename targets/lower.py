"""A graph of blocks as kernel calls in order, with the buffers that each call reads and writes."""

from collections.abc import Iterator
from dataclasses import dataclass

from space.blocks import Block
from space.counts import counts
from space.graph import BlockGraph, Node, Value

from .kernel_specs import Argument, KernelSpec, arguments, kernel_specs
from .vector_unit import VectorUnit

# A smaller kernel takes a microsecond or less: as long as its threads would wait for one another.
SHARED_WORK = 2**20
# A dot product takes 64 products of int8 where an xor and a popcount take 512 bits; elementwise
# work loads, computes and stores some vectors of 16 or 32 elements.
INT8_WORK, ELEMENT_WORK = 8, 64


@dataclass(frozen=True, slots=True)
class Constant:
    """Frozen integers of a node, by the name of the kernel's argument."""

    node: str
    name: str


@dataclass(frozen=True, slots=True)
class Scratch:
    """Memory that a node's kernel uses during its call alone."""

    node: str
    name: str


Operand = Value | Constant | Scratch


@dataclass(frozen=True, slots=True)
class KernelCall:
    """One call: an operand for each of the kernel's arguments.

    is_shared: whether threads share its work; all else is for the first of them alone.
    """

    node: str
    spec: KernelSpec
    arguments: tuple[Argument, ...]
    operands: tuple[Operand, ...]
    is_shared: bool

    @property
    def pairs(self) -> Iterator[tuple[Argument, Operand]]:
        """Each argument with what the call gives for it."""
        return zip(self.arguments, self.operands, strict=True)


def lower(graph: BlockGraph, unit: VectorUnit) -> tuple[KernelCall, ...]:
    """The kernel calls that compute a graph on a processor, in execution order."""
    return tuple(_call(node, unit) for node in graph)


def logits_value(graph: BlockGraph) -> Value:
    """What the last call writes. Raises SpaceError where that is no classifier."""
    return Value(graph.output.name, "logits")


def specs(calls: tuple[KernelCall, ...]) -> tuple[KernelSpec, ...]:
    """The distinct kernels of the calls, in order of first use."""
    return tuple(dict.fromkeys(call.spec for call in calls))


def _call(node: Node, unit: VectorUnit) -> KernelCall:
    (spec,) = kernel_specs(node.block)
    # The graph names inputs in the order in which kernels take them: sources, shortcuts, outer.
    inputs = iter(node.inputs.values)
    found = arguments(spec, unit)
    operands = tuple(_operand(node, argument, inputs) for argument in found)
    return KernelCall(node.name, spec, found, operands, is_shared=is_shared(node.block))


def is_shared(block: Block) -> bool:
    """Whether threads share a block's kernel: it takes as long as some binary operations do."""
    found, elements = counts(block), block.out_channels * block.out_size**2
    work = found.binary_macs + INT8_WORK * found.float_macs + ELEMENT_WORK * elements
    return work >= SHARED_WORK


def _operand(node: Node, argument: Argument, inputs: Iterator[Value]) -> Operand:
    match argument.role:
        case "source" | "shortcut" | "outer":
            return next(inputs)
        case "constant":
            return Constant(node.name, argument.name)
        case "scratch":
            return Scratch(node.name, argument.name)
        case "output":
            return Value(node.name, argument.name)
