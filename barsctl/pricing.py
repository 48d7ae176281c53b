"""Budgets priced for a space: what each of its cost terms costs in a budget's unit."""

from collections.abc import Sequence
from pathlib import Path

from costmodels.latency_table import LatencyTable, require_fit
from costmodels.protocol import CostModel, term_costs
from costmodels.registry import COST_MODELS
from costmodels.selection import Budget as HardBudget
from costmodels.table_file import read_table
from space.cost_terms import CostTerm
from targets.build import kernel_hash

from .budgets import Budget
from .errors import BarsError


def read_latency_table(path: Path | None) -> LatencyTable | None:
    """Return the table of a file, if one is given.

    Raises BarsError where it cannot be read, CostError where other kernels were measured.
    """
    if path is None:
        return None
    try:
        table = read_table(path)
    except OSError as error:
        raise BarsError(
            f"latency table {path} cannot be read ({error}); write one with barsctl profile"
        ) from error
    require_fit(table, target=table.header.target, kernel_hash=kernel_hash())
    return table


def cost_model(metric: str, table: LatencyTable | None) -> CostModel:
    """Return the model of a metric. Raises BarsError where a latency has no table to come from."""
    if metric != "latency":
        return COST_MODELS[metric]
    if table is None:
        raise BarsError(
            "a latency needs the times of the board's kernels; "
            "give --table FILE, as barsctl profile writes it"
        )
    return table


def hard_budgets(
    budgets: Sequence[Budget], terms: Sequence[CostTerm], *, table: LatencyTable | None
) -> tuple[HardBudget, ...]:
    """Return the budgets with their cost of each term.

    Raises BarsError where two limit the same cost.
    """
    metrics = [budget.metric for budget in budgets]
    for metric in metrics:
        if metrics.count(metric) > 1:
            raise BarsError(f"budget {metric} is given twice; give the smaller one alone")
    models = [cost_model(budget.metric, table) for budget in budgets]
    return tuple(
        HardBudget(budget.metric, model.unit, term_costs(model, terms), budget.limit)
        for budget, model in zip(budgets, models, strict=True)
    )
