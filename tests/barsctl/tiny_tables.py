"""Latency tables of the tiny space, as files that were never measured."""

import json
from pathlib import Path

from space.cost_terms import cost_terms
from targets.build import kernel_hash
from targets.kernel_specs import kernel_specs
from tests.barsctl.tiny_runs import SPACE


def write_table(
    path: Path, *, target: str, us: float = 1.0, hash_of_kernels: str | None = None
) -> Path:
    """Write a table in which every kernel of the tiny space takes as long, and return its path."""
    header = {
        "format": 2, "target": target, "cpu": "cpu", "isa_features": [], "threads": 1,
        "kernel_hash": hash_of_kernels or kernel_hash(), "compiler": "none", "date": "2026-01-01",
        "way": "measured", "tuned": False,
    }  # fmt: skip
    blocks = dict.fromkeys(term.block for term in cost_terms(SPACE))
    keys = dict.fromkeys(spec.key for block in blocks for spec in kernel_specs(block))
    times = dict.fromkeys(("median_us", "p10_us", "p90_us", "min_us"), us)
    rows = [{"key": key, "n": 9, **times, "tile": None} for key in keys]
    path.write_text("".join(json.dumps(line) + "\n" for line in (header, *rows)))
    return path
