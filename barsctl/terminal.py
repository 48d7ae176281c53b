"""What commands print: tables, JSON, and nothing that steers a terminal."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence

import typer


def printable(text: str) -> str:
    """The text with what no terminal shows, control characters and torn UTF-8, as escapes."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns as wide as their longest cell: the same on a terminal and in a file."""
    lines = [[printable(cell) for cell in line] for line in (header, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


def print_json(content: object) -> None:
    """Print JSON, with null for numbers that it cannot tell: not-a-number and infinity."""
    typer.echo(json.dumps(_finite(content), indent=2, allow_nan=False))


def _finite(content: object) -> object:
    match content:
        case float():
            return content if math.isfinite(content) else None
        case Mapping():
            return {name: _finite(value) for name, value in content.items()}
        case list() | tuple():
            return [_finite(each) for each in content]
    return content
