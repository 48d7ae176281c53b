"""The processor that measures at a place, in the words of a table's header."""

from dataclasses import dataclass

from costmodels.latency_table import TableHeader
from targets.catalog import PROCESSORS, named_target
from targets.host import cpu_flags
from targets.measuring.device import device_at, require_executes
from targets.measuring.place import Place
from targets.target import Target

from .errors import BarsError
from .machine import named_in


@dataclass(frozen=True, slots=True)
class Processor:
    """cpu: its name, or the emulator's. isa_features: those that targets ask for."""

    cpu: str
    isa_features: tuple[str, ...]


def processor_at(place: Place, target: Target) -> Processor:
    """What measures there. Raises TargetError where a board cannot run kernels for the target."""
    if place.way in ("emulated", "modelled"):
        return Processor(_emulated_cpu(target, place), tuple(sorted(target.cpu_flags)))
    device = device_at(place)
    require_executes(device, target, place)
    cpu = named_in(device.cpu_info) or device.machine or "unknown"
    return Processor(cpu, _isa_features(device.cpu_info))


def require_same_processor(header: TableHeader, place: Place, target: Target) -> None:
    """Raise BarsError where another processor is at a place than the one of a table.

    Raises TargetError as `processor_at` does.
    """
    found = processor_at(place, target).cpu
    if found != header.cpu:
        raise BarsError(
            f"{place} is {found!r}, and the table is of {header.cpu!r}; a table holds for its own "
            "board: name that one with --on, or profile this one"
        )


def _emulated_cpu(target: Target, place: Place) -> str:
    if place.way == "modelled" and target.core is not None:
        return f"LLVM's model of {target.core.llvm_cpu} at {target.core.clock_ghz:g} GHz"
    return " ".join(target.emulator)


def _isa_features(cpu_info: str) -> tuple[str, ...]:
    """Of the processor's flags, those that some target of the catalog asks for."""
    asked = frozenset[str]().union(*(named_target(name).cpu_flags for name in PROCESSORS))
    return tuple(sorted(cpu_flags(cpu_info) & asked))
