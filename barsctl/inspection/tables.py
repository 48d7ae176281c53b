"""Latency tables, as rows of JSON and as CSV."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path

from costmodels.latency_table import LatencyTable
from costmodels.table_csv import read_csv
from costmodels.table_file import read_table

from .report import Report


def table_report(path: Path) -> Report:
    """What a table holds for, and how many rows."""
    return _report("latency table", read_table(path))


def csv_report(path: Path) -> Report:
    """The same of a table that was exported."""
    return _report("latency table as CSV", read_csv(path))


def _report(kind: str, table: LatencyTable) -> Report:
    header = table.header
    medians = [row.median for row in table.rows.values()]
    correction = None if table.correction is None else asdict(table.correction)
    return Report(
        kind,
        {
            "target": header.target,
            "processor": header.processor,
            "way": header.way,
            "place": header.place,
            "cpu": header.cpu,
            "threads": header.threads,
            "kernel_hash": header.kernel_hash,
            "date": header.date,
            "unit": header.unit,
            "kernels": len(table.rows),
            "kernels_by_way": dict(Counter(row.way for row in table.rows.values())),
            "tuned_kernels": len(table.tiles),
            "cheapest": min(medians, default=None),
            "dearest": max(medians, default=None),
            "whole_networks": len(table.networks),
            "correction": correction,
        },
    )
