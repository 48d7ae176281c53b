"""`barsctl inspect`: what is inside a file that barsctl wrote."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from barsctl.terminal import print_json, print_table, printable

from .options import Json

if TYPE_CHECKING:
    from barsctl.run_folder import Json as Value


def inspect(
    file: Annotated[Path, typer.Argument(help="A file that barsctl wrote, or its folder.")],
    as_json: Json = False,
) -> None:
    """Say what is inside a genotype, table, checkpoint, program or any other file of barsctl.

    The kind is found from the content. Example: barsctl inspect train/best.safetensors
    """
    from barsctl.inspection.inspect import inspect

    report = inspect(file)
    if as_json:
        print_json({"file": str(file), "kind": report.kind, **report.details})
        return
    rows = [
        row
        for name, value in report.details.items()
        for row in _rows(f"  {name.replace('_', ' ')}", value)
    ]
    typer.echo(printable(f"{file}: {report.kind}"))
    if rows:
        print_table(rows[0], rows[1:])


def _rows(name: str, value: "Value") -> Iterator[tuple[str, str]]:
    """The lines of a value: one, or one for each of its parts."""
    if isinstance(value, dict):
        for part, below in value.items():
            yield from _rows(f"{name}: {part}", below)
    else:
        yield name, _shown(value)


def _shown(value: "Value") -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.6g}"
        case list():
            return ", ".join(map(_shown, value)) or "-"
    return str(value)
