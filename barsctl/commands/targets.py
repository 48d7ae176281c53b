"""`barsctl targets`: the processors and boards that barsctl compiles for."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from barsctl.board_list import BoardRow, board_rows, named_row
from barsctl.terminal import print_json, print_table

from .options import Json

if TYPE_CHECKING:
    from collections.abc import Iterator


def targets(
    name: Annotated[
        str | None, typer.Argument(help="One of them, or a board's TOML file: all of it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the targets: what each implies, and whether it compiles, runs or is modelled here.

    Example: barsctl targets raspberry-pi-4
    """
    rows = list(board_rows()) if name is None else [named_row(name)]
    if as_json:
        found = [asdict(row) for row in rows]
        print_json(found if name is None else found[0])
    elif name is not None:
        for line in _lines(rows[0]):
            typer.echo(line)
    else:
        print_table(
            (
                "target",
                "what it is",
                "processor",
                "vectors",
                "clock",
                "compiles",
                "runs",
                "modelled",
            ),
            [_cells(row) for row in rows],
        )


def _cells(row: BoardRow) -> tuple[str, ...]:
    return (
        row.name,
        row.summary,
        # A board's is one of these rows, a processor's is LLVM's.
        " ".join((row.cpu, *row.features)) if row.processor == row.name else row.processor,
        f"{row.vector_bits} bit",
        "-" if row.clock_ghz is None else f"{row.clock_ghz:g} GHz",
        _yes(row.compiles_here, "no: barsctl doctor"),
        row.runs_here,
        (row.core if row.models_here else None) or "no",
    )


def _lines(row: BoardRow) -> "Iterator[str]":
    clock = "-" if row.clock_ghz is None else f"{row.clock_ghz:g} GHz"
    ram = "" if row.ram_mb is None else f", {row.ram_mb} MB of RAM"
    cores = "" if row.cores is None else f"{row.cores} cores, "
    emulator = " ".join(row.emulator) or "none"
    core = f"by LLVM's model of {row.core}" if row.models_here else "no"
    yield f"{row.name}: {row.summary} ({row.kind})"
    yield f"kernels of        {row.processor}, {row.vector_bits}-bit vectors"
    yield f"needs             {' '.join(row.instructions) or '-'}"
    yield f"LLVM              {row.triple} {' '.join((row.cpu, *row.features))}"
    yield f"board             {cores}{clock}{ram}"
    yield f"emulator          {emulator}"
    yield f"compiles here     {_yes(row.compiles_here, 'no: barsctl doctor')}"
    yield f"runs here         {row.runs_here}"
    yield f"modelled here     {core}"


def _yes(fact: bool, otherwise: str) -> str:
    return "yes" if fact else otherwise
