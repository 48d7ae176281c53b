"""Whether the search is worth its time: searched networks against all others, at equal latency.

Every network is trained by the same recipe on the whole of Fashion-MNIST and measured on one thread
of this machine. The matrix has about a hundred cells (harness/evidence_matrix.py). Each appends its
row to docs/results/search.jsonl as it ends, and cells that are there are skipped: run this as often
and as long as you like, also several at once, in the same folder; a killed cell goes on where it
was. docs/results/search.md is made from the rows. --quick makes the page and the checks only.
"""

import fcntl
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.evidence_figures import checks, summary_rows
from harness.evidence_matrix import Cell, Row, cells
from harness.evidence_networks import open_table
from harness.evidence_page import write_page
from harness.evidence_runs import EPOCHS, run_cell
from harness.evidence_searches import SPACE
from harness.report import read_options, report

from space.atomic import write_atomically

RUNS = Path("runs/evidence")
RESULTS = Path("docs/results/search.jsonl")


def main() -> None:
    """Run the cells that are missing, then make the page and report."""
    options = read_options(__doc__)
    RUNS.mkdir(parents=True, exist_ok=True)
    if not options.quick:
        with locked(RUNS / "table.lock", wait=True):
            table = open_table(RUNS)
        while (cell := next_cell()) is not None:
            with locked(RUNS / f"{cell.key}.lock", wait=False) as mine:
                if mine and cell.key not in {row["cell"] for row in read_rows()}:
                    print(f"== {cell.key}", file=sys.stderr)
                    append_row(run_cell(cell, RUNS, table=table, rows=read_rows()))
    rows = read_rows()
    missing = [cell for cell in cells(SPACE, rows) if cell.key not in {row["cell"] for row in rows}]
    write_page(rows, missing, RESULTS.with_suffix(".md"), epochs=EPOCHS)
    report("evidence", summary_rows(rows), checks(rows), options)


def next_cell() -> Cell | None:
    """The first cell that is not finished and that no other process is at."""
    rows = read_rows()
    done = {row["cell"] for row in rows}
    for cell in cells(SPACE, rows):
        if cell.key not in done:
            with locked(RUNS / f"{cell.key}.lock", wait=False) as free:
                if free:
                    return cell
    return None


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
    """The rows of all finished cells."""
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    return [json.loads(line) for line in lines]


def append_row(row: Row) -> None:
    """Add a row to the results, whole or not at all."""
    with locked(RUNS / "results.lock", wait=True):
        lines = [json.dumps(each) for each in (*read_rows(), row)]
        write_atomically(RESULTS, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
