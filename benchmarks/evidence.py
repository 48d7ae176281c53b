"""Whether the search is worth its time: searched networks against all others, at equal latency.

Every network is trained by the same recipe on the whole of Fashion-MNIST. The matrix has about 170
cells (harness/evidence_matrix.py). Each appends its row to docs/results/search.jsonl as it ends,
and cells that are there are skipped: run this as often and as long as you like, also several at
once, in the same folder; a killed cell goes on where it was. docs/results/search.md is made from
the rows. --quick makes the page and the checks only.

Latencies are of one thread of the processor that docs/results/search-table.jsonl was measured on:
it prices networks wherever they are searched and trained. On a machine with that processor they are
measured too, in turns with some that were measured with the table.
"""

import fcntl
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from harness.evidence_figures import checks, summary_rows
from harness.evidence_latency import measured_rows, yardsticks
from harness.evidence_matrix import Cell, Row, cell_of, cells, cells_before
from harness.evidence_networks import is_measured_here, open_table
from harness.evidence_page import write_page
from harness.evidence_runs import EPOCHS, run_cell
from harness.evidence_searches import SPACE, TABLE, forget_training, is_current
from harness.report import read_options, report

from costmodels.latency_table import LatencyTable
from costmodels.table_file import read_table
from space.atomic import write_atomically

RUNS = Path("runs/evidence")
RESULTS = Path("docs/results/search.jsonl")


def main() -> None:
    """Run the cells that are missing, then make the page and report."""
    options = read_options(__doc__)
    torch.set_num_threads(1)
    RUNS.mkdir(parents=True, exist_ok=True)
    if not options.quick:
        with locked(RUNS / "table.lock", wait=True):
            table = open_table()
        run_cells(table, is_here=is_measured_here(table))
    rows = read_rows()
    done = finished(rows)
    missing = [cell for cell in cells(SPACE, rows) if cell.key not in done]
    measured_on = read_table(TABLE).header.cpu
    write_page(rows, missing, RESULTS.with_suffix(".md"), epochs=EPOCHS, measured_on=measured_on)
    report("evidence", summary_rows(rows), checks(rows), options)


def run_cells(table: LatencyTable, *, is_here: bool) -> None:
    """Run all cells that can be run; measure before and after what was not measured yet.

    is_here: whether this machine is the table's.
    """
    if is_here:
        measure_rows(table)
    while (cell := next_cell(is_here=is_here)) is not None:
        with locked(RUNS / f"{cell.key}.lock", wait=False) as mine:
            rows = read_rows()
            if mine and cell.key not in finished(rows):
                print(f"== {cell.key}", file=sys.stderr)
                put_row(run_cell(cell, RUNS, table=table, rows=rows))
    if is_here:
        measure_rows(table)


def measure_rows(table: LatencyTable) -> None:
    """Measure the networks of the rows that have no latency of the table's machine yet."""
    with locked(RUNS / "measure.lock", wait=True):
        rows = read_rows()
        todo = [
            row for row in rows if row["validation"] is not None and row.get("measured_us") is None
        ]
        for row in measured_rows(todo, yardsticks(rows), table):
            print(f"== measured {row['cell']}", file=sys.stderr)
            put_row(row, if_same=True)


def next_cell(*, is_here: bool) -> Cell | None:
    """The first cell that is not finished, that no other process is at, and that can be run now.

    Float networks are chosen by what they take on the table's machine.
    """
    rows = read_rows()
    done = finished(rows)
    for cell in cells(SPACE, rows):
        is_ready = all(each.key in done for each in cells_before(cell, SPACE))
        if cell.key not in done and is_ready and (is_here or cell.group != "float"):
            with locked(RUNS / f"{cell.key}.lock", wait=False) as free:
                if free:
                    return cell
    return None


def finished(rows: Sequence[Row]) -> set[str]:
    """The keys of the cells whose rows are what they would come to now."""
    return {row["cell"] for row in rows if is_current(row)}


@contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold a lock file; yield whether it is held, which without waiting it may not be."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def read_rows() -> list[Row]:
    """The rows of all finished cells; of a cell that has several, the last."""
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    return list({row["cell"]: row for row in map(json.loads, lines)}.values())


def put_row(row: Row, *, if_same: bool = False) -> None:
    """Add a row to the results or replace the cell's, whole or not at all.

    Where its network is another now, the rows go whose networks follow from it; with `if_same` the
    row is then left as it is.
    """
    with locked(RUNS / "results.lock", wait=True):
        found = {each["cell"]: each for each in read_rows()}
        earlier = found.get(row["cell"], row)
        if any(earlier.get(field) != row.get(field) for field in ("genotype", "candidates")):
            if if_same:
                return
            for each in [each for each in found.values() if follows(each, row)]:
                forget_training(RUNS / each["cell"])
                del found[each["cell"]]
        found[row["cell"]] = row
        write_atomically(RESULTS, "".join(f"{json.dumps(each)}\n" for each in found.values()))


def follows(row: Row, source: Row) -> bool:
    """Whether a row's network follows from that of another."""
    return cell_of(source) in cells_before(cell_of(row), SPACE)


if __name__ == "__main__":
    main()
