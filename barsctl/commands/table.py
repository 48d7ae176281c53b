"""`barsctl table`: latency tables from and to CSV."""

from pathlib import Path
from typing import Annotated

import typer

from barsctl.errors import BarsError

table = typer.Typer(help="Latency tables as CSV.", no_args_is_help=True)
Read = Annotated[Path, typer.Argument(help="The file to read.")]
Written = Annotated[Path, typer.Argument(help="The file to write, which is not there yet.")]


@table.command("export")
def export_table(table: Read, csv: Written) -> None:
    """Write a latency table as CSV: a row per kernel, all else in lines that begin with #.

    Example: barsctl table export host.jsonl host.csv
    """
    from costmodels.table_csv import write_csv
    from costmodels.table_file import read_table

    _require_absent(csv)
    write_csv(csv, read_table(table))


@table.command("import")
def import_table(csv: Read, table: Written) -> None:
    """Make a latency table of a CSV file, as export writes it.

    Example: barsctl table import board.csv board.jsonl
    """
    from costmodels.table_csv import read_csv
    from costmodels.table_file import write_table

    _require_absent(table)
    write_table(table, read_csv(csv))


def _require_absent(path: Path) -> None:
    if path.exists():
        raise BarsError(f"{path} is there already; name another file, or remove it")
