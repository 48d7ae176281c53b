"""Everything that is decided about a compiled network before any text is written."""

from collections.abc import Sequence
from dataclasses import dataclass

from space.frozen import FrozenNetwork

from .errors import TargetError
from .kernel_constants import constants
from .lower import Constant, KernelCall, lower
from .memory import ALIGNMENT_BYTES, ArenaPlan, plan_arena
from .network_name import require_network_name
from .target import MOST_THREADS, Target


@dataclass(frozen=True, eq=False)
class Variant:
    """The network as one processor runs it.

    prefix: in front of its kernels' symbols, so that a program may hold several networks and
    variants. constant_offsets: in the weights of the plan.
    """

    target: Target
    prefix: str
    calls: tuple[KernelCall, ...]
    constant_offsets: dict[Constant, int]


@dataclass(frozen=True, eq=False)
class Plan:
    """A network's variants, the best first, on one arena, and all constants one after the other.

    threads: how many may run it together.
    """

    name: str
    frozen: FrozenNetwork
    threads: int
    variants: tuple[Variant, ...]
    arena: ArenaPlan
    weights: bytes


def require_plannable(name: str, target: Target, *, threads: int) -> None:
    """Raise TargetError where no network can have the name, or the threads on the target."""
    require_network_name(name)
    if not 1 <= threads <= MOST_THREADS:
        raise TargetError(f"{threads} threads: a program has from 1 to {MOST_THREADS} of them")
    if target.is_bare_metal and threads > 1:
        raise TargetError(
            f"{threads} threads: target {target.name} has no operating system that starts them; "
            "compile for it with --threads 1"
        )


def plan_network(frozen: FrozenNetwork, name: str, target: Target, *, threads: int = 1) -> Plan:
    """Lower a network for a target and lay out its memory.

    Raises TargetError where integers are missing, or what require_plannable does.
    """
    require_plannable(name, target, threads=threads)
    weights = _Weights(bytearray(), {})
    variants = []
    for index, processor in enumerate(target.processors):
        calls = lower(frozen.graph, processor.vector_unit)
        # The capital is in no other network's name: their kernels would have the same symbols.
        prefix = f"{name}_" if len(target.processors) == 1 else f"{name}_V{index}_"
        offsets = weights.laid_out(frozen, calls, processor)
        variants.append(Variant(processor, prefix, calls, offsets))
    arena = plan_arena([variant.calls for variant in variants], threads=threads)
    return Plan(name, frozen, threads, tuple(variants), arena, bytes(weights.blob))


@dataclass(frozen=True, eq=False)
class _Weights:
    """Constants, aligned; `stored` says where each was put: equal ones are stored once."""

    blob: bytearray
    stored: dict[bytes, int]

    def laid_out(
        self, frozen: FrozenNetwork, calls: Sequence[KernelCall], target: Target
    ) -> dict[Constant, int]:
        """Store the constants of the calls and return their offsets."""
        offsets: dict[Constant, int] = {}
        for call in calls:
            values = constants(call.spec, frozen.blocks[call.node], target.vector_unit)
            for name, array in values.items():
                data = array.astype(array.dtype.newbyteorder("<")).tobytes()
                if data not in self.stored:
                    self.blob.extend(bytes(-len(self.blob) % ALIGNMENT_BYTES))
                    self.stored[data] = len(self.blob)
                    self.blob.extend(data)
                offsets[Constant(call.node, name)] = self.stored[data]
        return offsets
