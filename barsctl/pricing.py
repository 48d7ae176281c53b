"""Budgets priced for a space: what each of its cost terms costs in a budget's unit."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from costmodels.latency_table import LatencyTable, read_table, require_fit
from costmodels.protocol import CostModel, term_costs
from costmodels.registry import COST_MODELS
from costmodels.selection import Budget as HardBudget
from space.cost_terms import CostTerm
from targets.build import kernel_hash

from .budgets import TABLE_METRICS, Budget
from .errors import BarsError


def read_latency_table(path: Path | None) -> LatencyTable | None:
    """Return the table of a file, if one is given.

    Raises BarsError where it cannot be read, CostError where other kernels were measured.
    """
    if path is None:
        return None
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
    require_fit(table, target=table.header.target, kernel_hash=kernel_hash())


def needs_table(budget: Budget) -> bool:
    """Whether a table prices a budget."""
    return budget.metric in TABLE_METRICS


def cost_model(budget: Budget, tables: Sequence[LatencyTable]) -> CostModel:
    """Return the model that prices a budget.

    Raises BarsError where no table does or several could, CostError where it has other kernels.
    """
    if not needs_table(budget):
        return COST_MODELS[budget.metric]
    table = _table_of(budget, tables)
    _require_own_kernels(table)
    return table


def _table_of(budget: Budget, tables: Sequence[LatencyTable]) -> LatencyTable:
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


def hard_budgets(
    budgets: Sequence[Budget], terms: Sequence[CostTerm], *, tables: Sequence[LatencyTable]
) -> tuple[HardBudget, ...]:
    """Return the budgets with their cost of each term.

    Raises BarsError where two limit the same cost.
    """
    models = [cost_model(budget, tables) for budget in budgets]
    _require_different(budgets, models)
    return tuple(
        HardBudget(budget.name, model.unit, term_costs(model, terms), budget.limit)
        for budget, model in zip(budgets, models, strict=True)
    )


def _require_different(budgets: Sequence[Budget], models: Sequence[CostModel]) -> None:
    seen: list[CostModel] = []
    for budget, model in zip(budgets, models, strict=True):
        if any(model is other for other in seen):
            raise BarsError(f"budget {budget.name} is given twice; give the smaller one alone")
        seen.append(model)
