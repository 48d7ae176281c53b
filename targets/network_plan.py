"""Everything that is decided about a compiled network before any text is written."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from space.frozen import FrozenNetwork

from .errors import TargetError
from .kernel_constants import constants
from .lower import Constant, KernelCall, lower
from .memory import ALIGNMENT_BYTES, ArenaPlan, plan_arena
from .vector_unit import VectorUnit

MOST_THREADS = 64
# What may follow `#define NAME_` and stand in file names on every system.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True, eq=False)
class Plan:
    """A network's calls, its arena, and its constants one after the other in `weights`.

    threads: how many may run it together.
    """

    name: str
    frozen: FrozenNetwork
    threads: int
    calls: tuple[KernelCall, ...]
    arena: ArenaPlan
    weights: bytes
    constant_offsets: dict[Constant, int]

    @property
    def prefix(self) -> str:
        """In front of every symbol, so that a program may link several networks."""
        return f"{self.name}_"


def plan_network(frozen: FrozenNetwork, name: str, unit: VectorUnit, *, threads: int = 1) -> Plan:
    """Lower a network for a processor and lay out its memory.

    Raises TargetError where the name is no C identifier in lower case, integers are missing, or
    there is no thread.
    """
    if not 1 <= threads <= MOST_THREADS:
        raise TargetError(f"{threads} threads: a program has from 1 to {MOST_THREADS} of them")
    if not _NAME.fullmatch(name):
        raise TargetError(
            f"name {name!r} must be a C identifier: lower-case letters, digits and _, "
            f"a letter first; choose another"
        )
    calls = lower(frozen.graph, unit)
    weights, offsets = _laid_out(frozen, calls, unit)
    arena = plan_arena(calls, threads=threads)
    return Plan(name, frozen, threads, calls, arena, weights, offsets)


def _laid_out(
    frozen: FrozenNetwork, calls: Sequence[KernelCall], unit: VectorUnit
) -> tuple[bytes, dict[Constant, int]]:
    """All constants one after the other, aligned; equal ones are stored once."""
    blob = bytearray()
    stored: dict[bytes, int] = {}
    offsets: dict[Constant, int] = {}
    for call in calls:
        for name, array in constants(call.spec, frozen.blocks[call.node], unit).items():
            data = array.astype(array.dtype.newbyteorder("<")).tobytes()
            if data not in stored:
                blob.extend(bytes(-len(blob) % ALIGNMENT_BYTES))
                stored[data] = len(blob)
                blob.extend(data)
            offsets[Constant(call.node, name)] = stored[data]
    return bytes(blob), offsets
