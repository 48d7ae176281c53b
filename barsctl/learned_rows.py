"""Rows that nobody measured: priced by a model of kernels that is learned from those that were."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from costmodels.latency_table import TableRow
from costmodels.learned import fit_kernel_model, held_out_errors
from costmodels.table_file import read_table, write_table
from targets.kernel_specs import KernelSpec
from targets.toolchain import Notify
from targets.vector_unit import VectorUnit

from .calibrate import without_correction
from .folder_lock import table_lock

NEAR = 0.1


@dataclass(frozen=True, slots=True)
class Learned:
    """Kernels that were priced by a model, and what is known of its errors.

    near_share: of measured kernels that are held out, those whose price is within NEAR; kernels
    outside of a spread sample have smaller errors.
    """

    rows: int
    near_share: float


def learn_rows(
    specs: Sequence[KernelSpec], table: Path, unit: VectorUnit, *, notify: Notify
) -> Learned:
    """Give a table rows of those of the kernels that it has not measured.

    A correction that was fitted with other such rows is dropped.

    Raises CostError where it has measured none, or one that costs nothing, FolderInUseError where
    another process works on it.
    """
    with table_lock(table):
        found = read_table(table)
        costs = {
            spec: found.rows[spec.key].median
            for spec in specs
            if spec.key in found.rows and found.rows[spec.key].way != "learned"
        }
        missing = [spec for spec in specs if spec not in costs]
        near_share = float(np.mean(np.abs(held_out_errors(costs, unit)) <= NEAR))
        model = fit_kernel_model(costs, unit)
        learned = {spec.key: _row(spec, model.predict(spec)) for spec in missing}
        if any(found.rows.get(key, row) != row for key, row in learned.items()):
            found = without_correction(found, notify)
        write_table(table, replace(found, rows=found.rows | learned))
        return Learned(len(learned), near_share)


def _row(spec: KernelSpec, cost: float) -> TableRow:
    return TableRow(spec.key, "learned", 0, cost, cost, cost, cost)
