"""`barsctl derive`: from a search to one network within the budget."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from barsctl.budgets import format_cost
from barsctl.terminal import print_json, print_table

from .learning_options import (
    Candidates,
    TrialEpochs,
    Trials,
    Unmeasured,
    asked_trial_epochs,
)
from .options import Budgets, Device, Json, OptionalOn, Seed, Tables, notify

if TYPE_CHECKING:
    from barsctl.ranking import Candidate


def derive(
    run: Annotated[Path, typer.Argument(help="The folder of a search.")],
    candidates: Candidates = 20,
    trials: Trials = 0,
    trial_epochs: TrialEpochs = None,
    budget: Budgets = None,
    table: Tables = None,
    on: OptionalOn = None,
    unmeasured: Unmeasured = False,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Choose the most accurate of a search's networks within the budget, by default the search's.

    A latency is measured on the whole network, where the table was measured, and a network that
    does not keep to its budget gives way to the next. Another --table and --budget choose for
    another board, without searching again. Shared weights rank networks roughly: --trials ranks
    some by the loss of trainings that are begun, the best by the accuracy that these come to.
    Killed, it goes on when it is run again.

    Exits with 3 where no network keeps to it. Example: barsctl derive runs/search --candidates 20
    """
    from barsctl.derive import DeriveSettings, derive
    from barsctl.devices import find_device
    from barsctl.judge import JudgeSettings, judging_ranks
    from barsctl.ranking import derived_json

    settings = DeriveSettings(
        candidates, JudgeSettings(seed), not unmeasured, on, trials,
        asked_trial_epochs(trial_epochs, trials=trials),
    )  # fmt: skip
    found = find_device(device)
    with judging_ranks(run, settings.judge, device=found) as asks:
        if not asks:
            return
        ranking = derive(
            run, settings, device=found, notify=notify,
            budgets=budget or None, tables=tuple(map(str, table)) if table else None,
        )  # fmt: skip
    if as_json:
        print_json(derived_json(ranking))
        return
    costs = tuple(ranking[0].costs)
    print_table(
        ("rank", "accuracy", "trial", *costs, "measured", "log probability", "widths", "cells"),
        [_cells(number, each) for number, each in enumerate(ranking, start=1)],
    )
    typer.echo(f"{run / 'genotype.json'} is the first; now run: barsctl train {run}")


def _trial_cell(candidate: "Candidate") -> str:
    trial = candidate.trial
    if trial is None:
        return "-"
    found = f"{trial.loss:.3f}" if trial.accuracy is None else f"{trial.accuracy:.2%}"
    return f"{found} ({trial.epochs})"


def _cells(number: int, candidate: "Candidate") -> tuple[str, ...]:
    return (
        str(number),
        f"{candidate.accuracy:.2%}",
        _trial_cell(candidate),
        *(format_cost(name, cost) for name, cost in candidate.costs.items()),
        ", ".join(format_cost(name, cost) for name, cost in candidate.measured.items()) or "-",
        f"{candidate.log_probability:.1f}",
        ", ".join(f"{width:g}" for width in candidate.genotype.widths),
        ", ".join(str(depth) for depth in candidate.genotype.depths),
    )
