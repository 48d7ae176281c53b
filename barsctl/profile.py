"""Profiling: what the kernels of search spaces cost on a board, measured into a table."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Literal

from costmodels.latency_table import LatencyTable, TableHeader, TableRow
from costmodels.table_file import append_line, resume_table, write_table
from space.cost_terms import cost_terms
from space.search_space import SearchSpace
from targets.build import compiler_name, kernel_hash
from targets.kernel_specs import KernelSpec, kernel_specs
from targets.measuring.measure import measure, require_measurable
from targets.measuring.measured import Failed, Measured
from targets.measuring.place import LOCAL, Place
from targets.target import Target
from targets.toolchain import Notify

from .calibrate import without_correction
from .errors import BarsError
from .folder_lock import table_lock
from .lost_board import naming_resume
from .processor import processor_at
from .progress import progress_bar


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    """What is measured, and how. tune: kernels with the best of a few tiles, which rows name."""

    target: Target
    place: Place = LOCAL
    threads: int = 1
    tune: bool = False


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
        spreads = [(row.p90 - row.p10) / row.median for row in self.measured if row.median]
        return median(spreads) if spreads else 0.0


def space_specs(spaces: Iterable[SearchSpace]) -> tuple[KernelSpec, ...]:
    """The distinct kernels of all networks of the spaces."""
    blocks = dict.fromkeys(term.block for space in spaces for term in cost_terms(space))
    return tuple(dict.fromkeys(spec for block in blocks for spec in kernel_specs(block)))


def open_table(settings: ProfileSettings, table: Path, *, resume: bool) -> LatencyTable:
    """The table so far, a new one where there is no file; a board is asked for its processor.

    Raises BarsError where the table is there and `resume` was not asked for, TargetError where
    nothing can be measured, CostError where the table holds for something else.
    """
    require_measurable(settings.target, settings.place, threads=settings.threads)
    if table.exists() and not resume:
        raise BarsError(
            f"{table} is there already; a table is measured in one go or resumed: "
            "add --resume, or choose another --out"
        )
    return resume_table(table, table_header(settings))


def profile(
    specs: Sequence[KernelSpec], settings: ProfileSettings, *,
    table: Path, resume: bool, notify: Notify,
) -> Profile:  # fmt: skip
    """Measure the kernels that the table has no row of, and write each row as it is measured.

    See `open_table` for what is raised; beside it BarsError where the board is lost, and
    FolderInUseError where another profile is at work on the table.
    """
    start = time.monotonic()
    if not table.parent.is_dir():
        raise BarsError(f"{table}: there is no folder {table.parent}; create it first")
    if (table.exists() or table.is_symlink()) and not table.is_file():
        raise BarsError(f"{table} is no regular file; a table is one: choose another --out")
    with table_lock(table):
        found = open_table(settings, table, resume=resume)
        rows = found.rows
        missing = [
            spec for spec in specs if spec.key not in rows or rows[spec.key].way == "learned"
        ]
        if any(spec.key in rows for spec in missing):
            write_table(table, without_correction(found, notify))
        kept = len(specs) - len(missing)
        measured: list[TableRow] = []
        failed: list[Failed] = []
        if missing:
            notify(
                f"building {len(missing)} kernels for {settings.target.name}, then measuring them"
            )
        bar = progress_bar(f"profile {settings.target.name}", len(specs), done_steps=kept)
        with naming_resume(table), bar as advance:
            results = measure(
                missing, settings.target, settings.place,
                notify=notify, threads=settings.threads, tune=settings.tune,
            )  # fmt: skip
            for result in results:
                if isinstance(result, Failed):
                    failed.append(result)
                    advance(lambda: "failed")
                    continue
                measured.append(table_row(result, settings.place))
                append_line(table, measured[-1])
                advance(partial("{:.4g} {}".format, measured[-1].median, cost_unit(settings.place)))
        return Profile(tuple(measured), kept, tuple(failed), time.monotonic() - start)


def table_header(settings: ProfileSettings) -> TableHeader:
    """What rows measured now hold for. Raises TargetError where a board cannot run them."""
    target, place = settings.target, settings.place
    processor = processor_at(place, target)
    return TableHeader(
        format=4,
        target=target.name,
        processor=target.processor,
        clock_ghz=None if target.core is None else target.core.clock_ghz,
        way=place.way,
        place=str(place),
        unit=cost_unit(place),
        cpu=processor.cpu,
        isa_features=processor.isa_features,
        threads=settings.threads,
        kernel_hash=kernel_hash(),
        compiler=_compiler(),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        tuned=settings.tune,
    )


def cost_unit(place: Place) -> Literal["us", "instructions"]:
    """The unit of what is measured at a place."""
    return "instructions" if place.way == "emulated" else "us"


def _compiler() -> str:
    name = compiler_name()
    if name is None:
        raise BarsError(
            "profile builds kernels with apache-tvm, which is not installed; "
            "run: pip install 'barsctl[compile]'"
        )
    return name


def table_row(measured: Measured, place: Place) -> TableRow:
    """The quantiles of a kernel's costs."""
    assert isinstance(measured.subject, KernelSpec)
    return TableRow(measured.subject.key, place.way, *measured.quantiles, measured.tile)
