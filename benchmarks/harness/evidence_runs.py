"""Training the cells of the evidence: one recipe for all networks."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from barsctl.errors import DivergedError
from barsctl.machine import cpu_name
from barsctl.train_settings import TrainSettings
from barsctl.training_run import TrainConfig, training_run
from costmodels.errors import BudgetUnreachable
from costmodels.latency_table import LatencyTable
from costmodels.protocol import network_cost

from .evidence_float import float_result
from .evidence_latency import slowdown_now, yardsticks
from .evidence_matrix import FIRST_SEARCHED, REAL_WEIGHT_EPOCHS, Cell, Row
from .evidence_networks import Made, genotype_field, make_network
from .evidence_searches import CPU, DATA, derived_by, seconds_of, timed, training_of

EPOCHS, FULL_EPOCHS = 10, 60
OTHER_RECIPES = ("full", "recipe", "float")
NOTHING: Final[Row] = {
    "validation": None,
    "test": None,
    "why": "nothing keeps to the budget",
}


def train_settings(cell: Cell) -> TrainSettings:
    """The recipe, the same for all networks but for what a cell of another recipe tries."""
    epochs = FULL_EPOCHS if cell.group == "full" else EPOCHS
    settings = TrainSettings(seed=cell.seed, epochs=epochs, label_smoothing=0.0)
    match cell.name if cell.group == "recipe" else "":
        case "two stages":
            return replace(settings, real_weight_epochs=REAL_WEIGHT_EPOCHS)
        case "smoothed labels":
            return replace(settings, label_smoothing=0.1)
        case "weight average":
            return replace(settings, ema_decay=0.999)
    return settings


def run_cell(cell: Cell, folder: Path, *, table: LatencyTable, rows: Sequence[Row]) -> Row:
    """Make and train a cell's network in its run's folder, from where that was left.

    What the same recipe and seed trained for another cell's row is not trained again. Where no
    network keeps to the budget, or its weights diverge, the row has no accuracy and says why.
    """
    run = folder / cell.key
    run.mkdir(parents=True, exist_ok=True)
    row: Row = {"cell": cell.key, **asdict(cell), "machine": cpu_name(), "measured_us": None}
    try:
        if cell.group == "float":
            slowdown = slowdown_now(yardsticks(rows), table)
            found = float_result(cell, run, train_settings(cell), slowdown=slowdown)
            return row | (found or NOTHING)
        made = make_network(cell, run, table=table, rows=rows)
        if made is None:
            return row | NOTHING
        row |= _described(cell, made, table)
        same = trained_alike(row, rows)
        return row | (
            _trained(cell, made, run)
            if same is None
            else {"validation": same["validation"], "test": same["test"], "train_seconds": 0}
        )
    except (BudgetUnreachable, DivergedError) as error:
        return row | NOTHING | {"why": str(error)}


def _described(cell: Cell, made: Made, table: LatencyTable) -> Row:
    return {
        "predicted_us": 1e3 * network_cost(table, made.graph.blocks),
        "search_seconds": round(made.search_seconds),
        "search_images": made.search_images,
        "derived_by": derived_by(cell) if made.search_images else None,
        "shared": made.shared_accuracy,
        "network": made.described,
        "genotype": genotype_field(made),
        "channels": None if made.reference is None else made.reference.channels,
        "candidates": list(made.candidates) if cell == FIRST_SEARCHED else [],
    }


def trained_alike(row: Row, rows: Sequence[Row]) -> Row | None:
    """The row whose network, recipe and seed are those of a row, if there is one."""
    if row["group"] in OTHER_RECIPES:
        return None
    fields = ("network", "genotype", "seed")
    for each in rows:
        is_alike = all(each.get(field) == row[field] for field in fields)
        is_trained = each["validation"] is not None and each["group"] not in OTHER_RECIPES
        if is_alike and is_trained:
            return each
    return None


def _trained(cell: Cell, made: Made, run: Path) -> Row:
    is_taught = (cell.group, cell.name) == ("recipe", "teacher")
    config = TrainConfig(
        format=2, command="train", source=made.source, reference=made.reference, data=DATA,
        teacher="float" if is_taught else "none", inherit=False, settings=train_settings(cell),
    )  # fmt: skip
    folder, clock = training_of(run)
    with timed(clock):
        trained = training_run(config, folder=folder, resume=True, device=CPU, notify=print)
    return {
        "validation": trained.validation_accuracy,
        "test": trained.test_accuracy,
        "train_seconds": round(seconds_of(clock)),
    }
