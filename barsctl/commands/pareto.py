"""`barsctl pareto`: what accuracy costs, over all of a search's networks."""

from pathlib import Path
from typing import Annotated

import typer

from barsctl.budgets import format_cost
from barsctl.terminal import print_json, print_table

from .options import Budgets, Device, Json, Seed


def pareto(
    run: Annotated[Path, typer.Argument(help="The folder of a search.")],
    table: Annotated[
        Path | None,
        typer.Option(help="Latency table of the board; by default the search's, if it has one."),
    ] = None,
    budget: Budgets = None,
    points: Annotated[
        int, typer.Option(min=2, help="Limits between the cheapest and the dearest network.")
    ] = 8,
    candidates: Annotated[int, typer.Option(min=1, help="Networks to judge within each.")] = 10,
    out: Annotated[
        Path | None, typer.Option(help="Folder of pareto.json and pareto.svg; the run by default.")
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Show the most accurate networks of a search for every latency, by their shared weights.

    Networks that were judged before are not judged again: killed, it goes on when it is run again.

    Example: barsctl pareto runs/search --table host.jsonl --points 12
    """
    from barsctl.devices import find_device
    from barsctl.judge import JudgeSettings, judging_ranks
    from barsctl.pareto import ParetoSettings, front_json, pareto

    folder, found = out or run, find_device(device)
    settings = ParetoSettings(points, candidates, JudgeSettings(seed))
    with judging_ranks(run, settings.judge, device=found) as asks:
        if not asks:
            return
        front = pareto(
            run, settings, device=found, out=folder,
            budgets=budget or (), table=None if table is None else str(table),
        )  # fmt: skip
    if as_json:
        print_json(front_json(front))
        return
    print_table(
        ("accuracy", *front.points[0].costs, "widths", "cells"),
        [
            (
                f"{each.accuracy:.2%}",
                *(format_cost(name, cost) for name, cost in each.costs.items()),
                ", ".join(f"{width:g}" for width in each.genotype.widths),
                ", ".join(str(depth) for depth in each.genotype.depths),
            )
            for each in front.points
        ],
    )
    typer.echo(f"written to {folder / 'pareto.json'} and pareto.svg; choose with barsctl derive")
