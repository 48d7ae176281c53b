"""Budgets of memory, checked on what was compiled: all that a board has to give.

A search keeps weights within `size` and the arena within `ram`. Here flash and RAM count whole: the
code and constants of the library beside its weights, the stack of a run beside the arena.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from space.errors import SpaceError
from targets.manifest import Fields, extend_manifest, read_manifest
from targets.toolchain import Notify

from .budgets import Budget, format_cost
from .errors import BarsError
from .package_report import Package
from .run_folder import read_config
from .search_run import read_search_config
from .training_run import train_config

METRICS = ("size", "ram")


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """What a target's library takes of a budget's memory, in bytes by part.

    parts: two; None where one is not measured, since nothing here runs the target.
    """

    target: str
    budget: Budget
    parts: dict[str, int | None]

    @property
    def bytes(self) -> int:
        """All that is known."""
        return sum(part or 0 for part in self.parts.values())

    @property
    def kept(self) -> bool | None:
        """Whether the library keeps to the budget; None where the unknown part decides."""
        if self.bytes > self.budget.limit:
            return False
        return None if None in self.parts.values() else True

    def __str__(self) -> str:
        needs = format_cost(self.budget.name, self.bytes)
        told = ", ".join(
            f"{name} {'not measured' if part is None else part}"
            for name, part in self.parts.items()
        )
        return f"{self.target} takes {needs} ({told}) of {self.budget}"


def memory_budgets(budgets: Sequence[Budget], targets: Sequence[str]) -> tuple[Budget, ...]:
    """The same budgets. Raises BarsError where one is of no memory, or of another target."""
    for budget in budgets:
        if budget.metric not in METRICS:
            raise BarsError(
                f"budget {budget}: compile checks {' and '.join(METRICS)}, what a library takes of "
                "flash and RAM; barsctl derive keeps to all others"
            )
        if budget.target not in (None, *targets):
            raise BarsError(
                f"budget {budget}: compiled for {', '.join(targets)}; "
                f"add --target {budget.target}, or leave the budget out"
            )
    return tuple(budgets)


def searched_budgets(run: Path, notify: Notify) -> tuple[Budget, ...]:
    """The budgets of memory of the search that a training comes from, if that is still there."""
    folder = run if run.is_dir() else run.parent
    config = train_config(read_config(folder, command="train"), what=str(folder))
    source = Path(config.source)
    if config.reference is not None or source.is_file():
        return ()
    try:
        budgets = read_search_config(source).budgets
    except (BarsError, SpaceError) as error:
        notify(f"budgets of memory unknown, of what was trained: {error}")
        return ()
    return tuple(each for each in budgets if each.metric in METRICS)


def memory_uses(package: Package, budgets: Sequence[Budget]) -> tuple[MemoryUse, ...]:
    """What each target takes of each budget that is about it."""
    return tuple(_memory_uses(package, budgets))


def _memory_uses(package: Package, budgets: Sequence[Budget]) -> Iterator[MemoryUse]:
    for report in package.reports:
        fields = read_manifest(report.artefacts.manifest.parent)
        for budget in budgets:
            if budget.target in (None, report.target.name):
                parts = {
                    name.removesuffix("_bytes"): fields[name] for name in _PARTS[budget.metric]
                }
                yield MemoryUse(report.target.name, budget, parts)


_PARTS = {"size": ("weight_bytes", "code_bytes"), "ram": ("arena_bytes", "stack_bytes")}


def write_memory_uses(package: Package, uses: Sequence[MemoryUse]) -> None:
    """Add to each target's manifest what it takes of its budgets."""
    for report in package.reports:
        found: list[Fields] = [
            {"budget": str(use.budget), "bytes": use.bytes, "kept": use.kept}
            for use in uses
            if use.target == report.target.name
        ]
        extend_manifest(report.artefacts.manifest.parent, budgets=found)
