"""Budgets priced for a space: what its networks cost in a budget's unit."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from costmodels.arena import ArenaBudget
from costmodels.latency_table import LatencyTable, measured_target, require_fit
from costmodels.plugins import load_plugin, plugin_points
from costmodels.protocol import CostModel, term_costs
from costmodels.registry import COST_MODELS
from costmodels.selection import AddedBudget, AnyBudget
from costmodels.table_file import read_table
from space.cost_terms import cost_terms
from space.search_space import SearchSpace
from targets.build import compiler_name, kernel_hash
from targets.catalog import named_target
from targets.target import Target

from .budgets import TABLE_METRICS, UNITS, Budget
from .errors import BarsError

RAM = "ram"


def read_latency_table(path: Path) -> LatencyTable:
    """Return the table of a file.

    Raises BarsError where it cannot be read, CostError where other kernels were measured.
    """
    table = _readable_table(path)
    _require_own_kernels(table)
    return table


def read_tables(paths: Iterable[Path]) -> tuple[LatencyTable, ...]:
    """Return the tables of files, one per target. Whether one fits the kernels is not asked yet.

    Raises BarsError where one cannot be read, or two say the same of one target.
    """
    found: dict[tuple[str, str], LatencyTable] = {}
    for path in paths:
        table = _readable_table(path)
        key = (table.name, table.header.target)
        if key in found:
            raise BarsError(
                f"table {path}: {table.name} of {table.header.target} is in an earlier --table "
                "already; give one table per target"
            )
        found[key] = table
    return tuple(found.values())


def _readable_table(path: Path) -> LatencyTable:
    try:
        return read_table(path)
    except OSError as error:
        raise BarsError(
            f"latency table {path} cannot be read ({error}); "
            "write one with barsctl profile, or give another --table"
        ) from error


def _require_own_kernels(table: LatencyTable) -> None:
    require_fit(
        table, target=table.header.target, kernel_hash=kernel_hash(), compiler=compiler_name()
    )


def needs_table(budget: Budget) -> bool:
    """Whether a budget's cost, or the target that it is for, comes from a table if one is given."""
    return budget.metric in TABLE_METRICS or (budget.metric == RAM and budget.target is None)


def hard_budgets(
    budgets: Sequence[Budget], space: SearchSpace, *, tables: Sequence[LatencyTable]
) -> tuple[AnyBudget, ...]:
    """Return the budgets with what a space's networks cost.

    Raises BarsError where two limit the same cost, where no table prices one or several could;
    CostError where a table has other kernels.
    """
    found: dict[tuple[str, str | None], AnyBudget] = {}
    for budget in budgets:
        key = budget.metric, _target_name(budget, tables)
        if key in found:
            raise BarsError(f"budget {budget.name} is given twice; give the smaller one alone")
        found[key] = _hard_budget(budget, space, tables)
    return tuple(found.values())


def _hard_budget(budget: Budget, space: SearchSpace, tables: Sequence[LatencyTable]) -> AnyBudget:
    if budget.metric == RAM:
        return ArenaBudget(space, arena_target(budget, tables), budget.limit, budget.name)
    model = cost_model(budget, tables)
    return AddedBudget(budget.name, model.unit, term_costs(model, cost_terms(space)), budget.limit)


def _target_name(budget: Budget, tables: Sequence[LatencyTable]) -> str | None:
    """Whose cost a budget limits; None where it is the same on all targets."""
    if budget.metric == RAM:
        return arena_target(budget, tables).name
    if budget.metric in TABLE_METRICS:
        return table_of(budget, tables).header.target
    return None


def arena_target(budget: Budget, tables: Sequence[LatencyTable]) -> Target:
    """Return whose arena a budget limits: the target it names, the tables', or this machine.

    Raises BarsError where tables of several targets are given, TargetError where it is unknown.
    """
    measured = {table.header.target: table.header for table in tables}
    if budget.target is None and len(measured) > 1:
        raise BarsError(
            f"budget {RAM}: there are tables of {', '.join(sorted(measured))}, and an arena is "
            f"planned for one target; name it, as {RAM}@{min(measured)}=AMOUNT"
        )
    name = budget.target or next(iter(measured), "host")
    return measured_target(measured[name]) if name in measured else named_target(name)


def cost_model(budget: Budget, tables: Sequence[LatencyTable]) -> CostModel:
    """Return the model that prices blocks for a budget.

    Raises BarsError where no table does or several could, CostError where it has other kernels.
    """
    if budget.metric in COST_MODELS:
        return COST_MODELS[budget.metric]
    if budget.metric not in TABLE_METRICS:
        return _plugin(budget)
    table = table_of(budget, tables)
    _require_own_kernels(table)
    return table


def _plugin(budget: Budget) -> CostModel:
    points = plugin_points(tuple(UNITS))
    if budget.metric not in points:
        raise BarsError(
            f"budget {budget.name}: no installed distribution has that cost model; "
            "install the one that the search had, or give another --budget"
        )
    return load_plugin(points[budget.metric])


def table_of(budget: Budget, tables: Sequence[LatencyTable]) -> LatencyTable:
    """Return the table that prices a budget of TABLE_METRICS. Raises BarsError where none does."""
    metric = budget.metric
    by_target = {table.header.target: table for table in tables if table.name == metric}
    if not by_target:
        raise BarsError(
            f"budget {budget.name} needs what kernels take on the board; "
            f"give --table FILE with {metric}, as barsctl profile writes it"
        )
    if budget.target is None and len(by_target) > 1:
        raise BarsError(
            f"budget {metric}: there are tables of {', '.join(by_target)}; "
            f"name one of them, as {metric}@{next(iter(by_target))}=AMOUNT"
        )
    target = next(iter(by_target)) if budget.target is None else budget.target
    if target not in by_target:
        raise BarsError(
            f"budget {budget.name}: no --table has {metric} of {target}, only of "
            f"{', '.join(by_target)}; give its table, or name another target"
        )
    return by_target[target]
