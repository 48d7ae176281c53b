"""`barsctl targets`: the processors that barsctl compiles for."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from barsctl.board_list import board_rows
from barsctl.table import print_table


def targets(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the targets, and whether programs for them compile and run here.

    Example: barsctl targets
    """
    rows = list(board_rows())
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    print_table(
        ("target", "what it is", "LLVM processor", "vectors", "compiles", "runs here"),
        [
            (
                row.name,
                row.summary,
                " ".join((row.cpu, *row.features)),
                f"{row.vector_bits} bit",
                "yes" if row.compiles_here else "no: barsctl doctor",
                row.runs_here,
            )
            for row in rows
        ],
    )
