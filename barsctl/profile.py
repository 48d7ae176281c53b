"""Profiling: every kernel that search spaces can need, measured on this machine into a table."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

import numpy as np

from costmodels.latency_table import TableHeader, TableRow, append_row, resume_table
from space.cost_terms import cost_terms
from space.search_space import SearchSpace
from targets.boards import AARCH64, ARMV7, X86_64_VPOPCNT
from targets.build import kernel_hash
from targets.host import host_flags, runs_here
from targets.kernel_specs import KernelSpec, kernel_specs
from targets.measure import Failed, Measured, measure
from targets.target import Target

from .errors import BarsError
from .machine import cpu_name
from .progress import progress_bar


@dataclass(frozen=True, slots=True)
class Profile:
    """What was measured now, and how many rows the table had before."""

    measured: tuple[TableRow, ...]
    kept: int
    failed: tuple[Failed, ...]
    seconds: float

    @property
    def spread(self) -> float:
        """The median over the kernels of (p90 - p10) / median; 0 where none was measured."""
        spreads = [(row.p90_us - row.p10_us) / row.median_us for row in self.measured]
        return median(spreads) if spreads else 0.0


def space_specs(spaces: Iterable[SearchSpace]) -> tuple[KernelSpec, ...]:
    """The distinct kernels of all networks of the spaces."""
    blocks = dict.fromkeys(term.block for space in spaces for term in cost_terms(space))
    return tuple(dict.fromkeys(spec for block in blocks for spec in kernel_specs(block)))


def profile(
    specs: Sequence[KernelSpec], target: Target, *, table: Path, resume: bool, tune: bool = False
) -> Profile:
    """Measure the kernels that the table has no row for, and write each row as it is measured.

    tune: with the fastest of a few tiles each, which the row names.

    Raises BarsError where the table is there and `resume` was not asked for, or where kernels for
    the target cannot be built or run here; CostError where the table holds for something else.
    """
    start = time.monotonic()
    _require_usable(target, table, resume=resume)
    rows = resume_table(table, table_header(target, tuned=tune)).rows
    missing = [spec for spec in specs if spec.key not in rows]
    kept = len(specs) - len(missing)
    measured: list[TableRow] = []
    failed: list[Failed] = []
    with progress_bar(f"profile {target.name}", len(specs), done_steps=kept) as advance:
        for result in measure(missing, target, tune=tune):
            if isinstance(result, Failed):
                failed.append(result)
                advance("failed")
                continue
            measured.append(table_row(result))
            append_row(table, measured[-1])
            advance(f"{measured[-1].median_us:.1f} us")
    return Profile(tuple(measured), kept, tuple(failed), time.monotonic() - start)


def _require_usable(target: Target, table: Path, *, resume: bool) -> None:
    if target.variants:
        raise BarsError(
            f"{target.name} stands for {', '.join(each.name for each in target.variants)}: a "
            "table holds for one processor; take one of them"
        )
    if not runs_here(target):
        raise BarsError(
            f"kernels for {target.name} do not run on this machine, and an emulator's time is no "
            "board's; run barsctl profile on the board, or take --target host"
        )
    if table.exists() and not resume:
        raise BarsError(
            f"{table} is there already; a table is measured in one go or resumed: "
            "add --resume, or choose another --out"
        )
    if not table.parent.is_dir():
        raise BarsError(f"{table}: there is no folder {table.parent}; create it first")


def table_header(target: Target, *, tuned: bool) -> TableHeader:
    """What rows measured here and now hold for."""
    return TableHeader(
        format=2,
        target=target.name,
        cpu=cpu_name(),
        isa_features=_isa_features(),
        threads=1,
        kernel_hash=kernel_hash(),
        compiler=_compiler(),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        way="measured",
        tuned=tuned,
    )


def _compiler() -> str:
    try:
        return f"apache-tvm {version('apache-tvm')}"
    except PackageNotFoundError:
        raise BarsError(
            "profile builds kernels with apache-tvm, which is not installed; "
            "run: pip install 'barsctl[compile]'"
        ) from None


def _isa_features() -> tuple[str, ...]:
    """Of the processor's flags, those that some target of the catalog asks for."""
    asked = frozenset[str]().union(
        *(target.cpu_flags for target in (X86_64_VPOPCNT, AARCH64, ARMV7))
    )
    return tuple(sorted(host_flags() & asked))


def table_row(measured: Measured) -> TableRow:
    """The quantiles of a kernel's times."""
    p10_us, median_us, p90_us = np.quantile(measured.times_us, [0.1, 0.5, 0.9]).tolist()
    return TableRow(
        key=measured.spec.key,
        n=len(measured.times_us),
        median_us=median_us,
        p10_us=p10_us,
        p90_us=p90_us,
        min_us=min(measured.times_us),
        tile=measured.tile,
    )
