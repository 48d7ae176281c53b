"""`barsctl targets`: the processors that barsctl compiles for."""

import json
from dataclasses import asdict

import typer

from barsctl.board_list import board_rows
from barsctl.table import print_table

from .options import Json


def targets(as_json: Json = False) -> None:
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
