"""Latency tables of the tiny space, as files that were never measured."""

from dataclasses import replace
from pathlib import Path

from barsctl.machine import cpu_name
from barsctl.profile import space_specs
from costmodels import table_file
from targets.build import kernel_hash
from tests.barsctl.tiny_runs import SPACE
from tests.example_tables import table_of


def write_table(
    path: Path, *, target: str, us: float = 1.0, hash_of_kernels: str | None = None
) -> Path:
    """Write a table in which every kernel of the tiny space takes as long, and return its path."""
    table = table_of(dict.fromkeys(space_specs([SPACE]), us))
    header = replace(
        table.header,
        target=target,
        processor=target,
        cpu=cpu_name(),
        kernel_hash=hash_of_kernels or kernel_hash(),
    )
    table_file.write_table(path, replace(table, header=header))
    return path
