"""`barsctl sweep`: searches for several budgets and seeds, by any number of workers."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from barsctl.budgets import Budget, format_cost
from barsctl.errors import BarsError
from barsctl.table import print_table
from space.presets import SPACES

from .options import Data, DataDir, Device, ImageSize, Json, Tables, budget, notify

if TYPE_CHECKING:
    from barsctl.sweep import Row


def sweep(
    out: Annotated[Path, typer.Option(help="The sweep's folder, which all workers share.")],
    budgets: Annotated[
        list[Budget],
        typer.Option(
            "--budget",
            parser=budget,
            metavar="COST=AMOUNT",
            help="As of barsctl search; several are searched for one by one.",
        ),
    ],
    seeds: Annotated[
        list[int] | None, typer.Option("--seed", min=0, help="May be given several times.")
    ] = None,
    spaces: Annotated[
        list[str] | None,
        typer.Option("--space", help=f"One or several of {', '.join(SPACES)}; demo by default."),
    ] = None,
    data: Data = "fashion-mini",
    data_dir: DataDir = None,
    image_size: ImageSize = None,
    table: Tables = None,
    epochs: Annotated[int, typer.Option(min=1, help="Of each search.")] = 30,
    warmup_epochs: Annotated[
        int | None, typer.Option(min=0, help="Of them; a fifth by default.")
    ] = None,
    candidates: Annotated[int, typer.Option(min=1, help="Networks that derive compares.")] = 20,
    train_epochs: Annotated[int, typer.Option(min=1, help="Of each training.")] = 60,
    batch_size: Annotated[int, typer.Option(min=2, help="Images per step.")] = 128,
    unmeasured: Annotated[
        bool,
        typer.Option("--unmeasured", help="Take the table's word, and measure no whole network."),
    ] = False,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Search, derive and train for every space, budget and seed, and show which are best.

    Start it as often as you like, on other machines too, with the same words: the workers share the
    cells. What was killed goes on when it is started again. A cell whose folder under cells/ was
    removed is computed again.

    Example: barsctl sweep --budget bops=2M --budget bops=4M --seed 0 --seed 1 --out runs/sweep
    """  # fmt: skip
    if find_spec("optuna") is None:
        raise BarsError("a sweep needs optuna; install it with: pip install 'barsctl[sweep]'")
    from barsctl.data_choice import DataChoice
    from barsctl.devices import find_device
    from barsctl.search import SearchSettings
    from barsctl.sweep import SweepConfig, sweep, sweep_json
    from barsctl.train import TrainSettings

    config = SweepConfig(
        format=1,
        command="sweep",
        spaces=tuple(spaces or ("demo",)),
        budgets=tuple(budgets),
        seeds=tuple(seeds or (0,)),
        data=DataChoice(data, None if data_dir is None else str(data_dir), image_size, seed=0),
        tables=tuple(map(str, table or ())),
        search=SearchSettings(
            epochs=epochs, batch_size=batch_size,
            warmup_epochs=epochs // 5 if warmup_epochs is None else warmup_epochs,
        ),
        candidates=candidates,
        measured=not unmeasured,
        training=TrainSettings(epochs=train_epochs, batch_size=batch_size),
    )  # fmt: skip
    rows = sweep(config, folder=out, device=find_device(device), notify=notify)
    if as_json:
        typer.echo(json.dumps(sweep_json(rows), indent=2))
    else:
        cost = budgets[0].name
        print_table(
            ("space", "budget", "seed", "validation", "test", cost, "front"),
            [_words(row) for row in rows],
        )
    failed = [row for row in rows if row.state == "failed"]
    if failed:
        raise BarsError(
            f"{len(failed)} of {len(rows)} cells failed, first {failed[0].folder}: "
            f"{failed[0].result.error}; remove a cell's folder to have it computed again"
        )


def _words(row: "Row") -> tuple[str, ...]:
    cell, found = row.cell, row.result
    told = (cell.space, str(cell.budget), str(cell.seed))
    if found.validation_accuracy is None or found.test_accuracy is None or found.cost is None:
        return (*told, "failed", "-", "-", "")
    return (
        *told,
        f"{found.validation_accuracy:.2%}",
        f"{found.test_accuracy:.2%}",
        format_cost(cell.budget.name, found.cost),
        "*" if row.on_front else "",
    )
