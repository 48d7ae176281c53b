from pathlib import Path

import pytest

from barsctl.errors import BarsError
from barsctl.lease import LEASE
from barsctl.sweep_journal import CELLS, JOURNAL, RESULT, Claim, Journal, Trial, open_journal


def claimed(journal: Journal) -> Claim:
    claim = journal.claim()
    assert claim is not None
    return claim


def ended(journal: Journal, accuracy: float, cost: float) -> Trial:
    """Take a cell, and end it without any work."""
    claim = claimed(journal)
    end(journal, claim.trial, (accuracy, cost))
    return claim.trial


def end(journal: Journal, trial: Trial, objectives: tuple[float, float] | None) -> None:
    """End a cell whose result is there."""
    (journal.folder / CELLS / trial.cell / RESULT).touch()
    journal.end(trial, objectives)


def states(journal: Journal) -> list[str]:
    return [trial.state for trial in journal.trials()]


def test_cells_are_claimed_once_in_order(tmp_path: Path) -> None:
    one, two = open_journal(tmp_path, ("a", "b")), open_journal(tmp_path, ("a", "b"))
    assert [claimed(one).trial, claimed(two).trial] == [
        Trial("a", 0, "running"), Trial("b", 1, "running"),
    ]  # fmt: skip
    assert one.claim() is None
    end(one, Trial("a", 0, "running"), (0.5, 3.0))
    end(two, Trial("b", 1, "running"), None)
    assert states(one) == states(two) == ["finished", "failed"]
    assert two.claim() is None


def test_cell_whose_lease_is_gone_is_taken_over(tmp_path: Path) -> None:
    one, two = open_journal(tmp_path, ("a",)), open_journal(tmp_path, ("a",))
    first = claimed(one)
    (tmp_path / "cells" / "a" / LEASE).unlink()
    assert claimed(two).trial == first.trial


def test_front_is_what_nothing_dominates(tmp_path: Path) -> None:
    """b costs what a does and is less accurate; of d the first trial is gone with its result."""
    journal = open_journal(tmp_path, ("a", "b", "c", "d"))
    for accuracy, cost in ((0.8, 2.0), (0.7, 2.0), (0.6, 1.0), (0.9, 0.5)):
        ended(journal, accuracy, cost)
    assert journal.front() == {"d"}
    for name in (RESULT, LEASE):
        (tmp_path / CELLS / "d" / name).unlink()
    assert states(journal) == ["finished", "finished", "finished", "waiting"]
    assert journal.front() == {"a", "c"}
    assert ended(journal, 0.5, 3.0) == Trial("d", 4, "running")
    assert journal.front() == {"a", "c"}


def test_torn_line_is_dropped(tmp_path: Path) -> None:
    journal, path = open_journal(tmp_path, ("a", "b")), tmp_path / JOURNAL
    ended(journal, 0.5, 1.0)
    with path.open("a") as file:
        file.write('{"op_code":6,"wor')
    ended(journal, 0.5, 1.0)
    assert states(open_journal(tmp_path, ("a", "b"))) == ["finished", "finished"]


@pytest.mark.parametrize("line", ["{torn", "[]", '{"op_code":6}', '{"op_code":99}'])
def test_damaged_line_is_refused(line: str, tmp_path: Path) -> None:
    ended(open_journal(tmp_path, ("a",)), 0.5, 1.0)
    path = tmp_path / JOURNAL
    first, *others = path.read_text().splitlines()
    path.write_text("\n".join((first, line, *others, "")))
    with pytest.raises(BarsError, match="no journal of a sweep, or a line of it is damaged"):
        open_journal(tmp_path, ("a",))


def test_moved_journal_begins_anew(tmp_path: Path) -> None:
    ended(open_journal(tmp_path, ("a",)), 0.5, 1.0)
    (tmp_path / JOURNAL).unlink()
    (tmp_path / "cells" / "a" / LEASE).unlink()
    assert claimed(open_journal(tmp_path, ("a",))).trial == Trial("a", 0, "running")
