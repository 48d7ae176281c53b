"""Training and measuring the cells of the evidence: one recipe for all networks."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from barsctl.errors import DivergedError
from barsctl.machine import cpu_name
from barsctl.measured_networks import measured_network
from barsctl.train_settings import TrainSettings
from barsctl.training_run import TrainConfig, training_run
from costmodels.errors import BudgetUnreachable
from costmodels.latency_table import LatencyTable
from costmodels.protocol import network_cost
from targets.measuring.measured import Measured

from .evidence_float import float_result
from .evidence_matrix import FIRST_SEARCHED, REAL_WEIGHT_EPOCHS, Cell, Row
from .evidence_networks import Made, genotype_field, make_network, network_of
from .evidence_searches import CPU, DATA, seconds_of, timed

EPOCHS, FULL_EPOCHS = 10, 60
OTHER_RECIPES = ("full", "recipe", "float")
# Of a row: what a training comes to.
TRAINED = ("validation", "test", "train_seconds")
NOTHING: Final[Row] = {
    "validation": None,
    "test": None,
    "why": "nothing keeps to the budget and uses it",
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


def run_cell(
    cell: Cell, folder: Path, *, table: LatencyTable, is_here: bool, rows: Sequence[Row]
) -> Row:
    """Make, train and measure a cell's network in its run's folder, from where that was left.

    is_here: whether this machine is the table's; only there networks are measured. What the same
    recipe and seed trained for another cell's row is not trained again. Where no network keeps to
    the budget, or its weights diverge, the row has no accuracy and says why.
    """
    run = folder / cell.key
    run.mkdir(parents=True, exist_ok=True)
    row: Row = {"cell": cell.key, **asdict(cell), "machine": cpu_name()}
    try:
        if cell.group == "float":
            return row | (float_result(cell, run, train_settings(cell)) or NOTHING)
        made = make_network(cell, run, table=table, is_here=is_here, rows=rows)
        if made is None:
            return row | NOTHING
        row |= _described(cell, made, table)
        same = trained_alike(row, rows)
        row |= _trained(cell, made, run) if same is None else {name: same[name] for name in TRAINED}
    except (BudgetUnreachable, DivergedError) as error:
        return row | NOTHING | {"why": str(error)}
    return row | {"measured_us": measured_us(row, table) if is_here else None}


def _described(cell: Cell, made: Made, table: LatencyTable) -> Row:
    return {
        "predicted_us": 1e3 * network_cost(table, made.graph.blocks),
        "search_seconds": round(made.search_seconds),
        "search_images": made.search_images,
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
        if is_alike and each["group"] not in OTHER_RECIPES:
            return each
    return None


def _trained(cell: Cell, made: Made, run: Path) -> Row:
    is_taught = (cell.group, cell.name) == ("recipe", "teacher")
    config = TrainConfig(
        format=2, command="train", source=made.source, reference=made.reference, data=DATA,
        teacher="float" if is_taught else "none", inherit=False, settings=train_settings(cell),
    )  # fmt: skip
    clock = run / "train-seconds"
    with timed(clock):
        trained = training_run(config, folder=run / "train", resume=True, device=CPU, notify=print)
    return {
        "validation": trained.validation_accuracy,
        "test": trained.test_accuracy,
        "train_seconds": round(seconds_of(clock)),
    }


def measured_us(row: Row, table: LatencyTable) -> float | None:
    """What the network of a row takes on this machine; None where it cannot be measured."""
    measured = measured_network(network_of(row), table, notify=print)
    return measured.median if isinstance(measured, Measured) else None
