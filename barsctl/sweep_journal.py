"""A sweep's cells as trials of an Optuna study, in a journal that several workers share.

Optuna keeps the journal and its order; leases tell which of its running trials have a worker.
"""

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import TrialState

from .errors import BarsError
from .lease import Lease, Watch, own_lease, write_lease

JOURNAL, CLAIMS, CELLS = "journal.log", "claims", "cells"
# Of a cell's folder.
RESULT = "cell.json"
State = Literal["waiting", "running", "finished", "failed"]
ENDED: tuple[State, ...] = ("finished", "failed")
_STATES: dict[TrialState, State] = {
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "finished",
    TrialState.FAIL: "failed",
}
# What Optuna raises where it reads anything but what it wrote.
_DAMAGED = (AssertionError, AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Trial:
    """A cell's place in the study."""

    cell: str
    number: int
    state: State


@dataclass(frozen=True, slots=True)
class Claim:
    """A cell that this worker computes."""

    trial: Trial
    lease: Lease


@dataclass(frozen=True, slots=True)
class Journal:
    """The study of a sweep's folder, over the cells' names."""

    folder: Path
    cells: tuple[str, ...]
    study: optuna.Study
    watch: Watch

    def trials(self) -> list[Trial]:
        """Every cell's last trial, in the order of the cells; -1 where it waits for its first.

        A cell that ended waits again where somebody removed its result.
        """
        last = {name: Trial(name, -1, "waiting") for name in self.cells}
        for trial in self._told():
            name, state = str(trial.params["cell"]), _STATES[trial.state]
            if state not in ENDED or (self.folder / CELLS / name / RESULT).exists():
                last[name] = Trial(name, trial.number, state)
        return list(last.values())

    def _told(self) -> list[optuna.trial.FrozenTrial]:
        with _readable(self.folder / JOURNAL):
            return self.study.get_trials(deepcopy=False)

    def claim(self, *, without: Collection[str] = ()) -> Claim | None:
        """Take a cell that nobody computes and that has not ended; None where there is none.

        without: cells to leave.
        """
        with _alone(self.folder):
            for trial in self.trials():
                folder = self.folder / CELLS / trial.cell
                if trial.cell in without or trial.state in ENDED or not self.watch.is_free(folder):
                    continue
                if trial.state == "waiting":
                    trial = self._begun(trial.cell)
                # Killed here, it leaves a running trial without a lease: the next one takes it.
                folder.mkdir(parents=True, exist_ok=True)
                lease = own_lease()
                write_lease(folder, lease)
                return Claim(trial, lease)
        return None

    def _begun(self, cell: str) -> Trial:
        with _readable(self.folder / JOURNAL):
            self.study.add_trial(
                optuna.create_trial(
                    state=TrialState.RUNNING,
                    params={"cell": cell},
                    distributions={"cell": CategoricalDistribution(self.cells)},
                )
            )
        return Trial(cell, self._told()[-1].number, "running")

    def end(self, trial: Trial, objectives: tuple[float, float] | None) -> None:
        """Keep a cell's accuracy and cost, or that it failed."""
        state = TrialState.FAIL if objectives is None else TrialState.COMPLETE
        with _alone(self.folder), _readable(self.folder / JOURNAL):
            self.study.tell(trial.number, objectives, state=state, skip_if_finished=True)

    def front(self) -> set[str]:
        """The cells that no other is as cheap as and more accurate, or as accurate and cheaper."""
        # Not the study's best trials: they count those whose results were removed.
        trials, told = self.trials(), self._told()
        ended = {
            each.cell: tuple(values)
            for each in trials
            if each.state == "finished" and (values := told[each.number].values)
        }
        return {
            cell
            for cell, (accuracy, cost) in ended.items()
            if not any(
                more >= accuracy and less <= cost and (more, less) != (accuracy, cost)
                for more, less in ended.values()
            )
        }


def open_journal(folder: Path, cells: Sequence[str]) -> Journal:
    """Return the study in a sweep's folder, begun where it is not there.

    Raises BarsError where the journal cannot be read.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with _alone(folder), _readable(folder / JOURNAL):
        path = str(folder / JOURNAL)
        storage = optuna.storages.JournalStorage(
            JournalFileBackend(path, lock_obj=JournalFileOpenLock(path))
        )
        study = optuna.create_study(
            study_name="sweep", storage=storage, directions=["maximize", "minimize"],
            load_if_exists=True,
        )  # fmt: skip
    return Journal(folder, tuple(cells), study, Watch())


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep all other workers out of the journal, whole lines of which are there.

    The lock of a holder that was killed is broken after half a minute.
    """
    # Not the one by symbolic links: with a relative path it waits for ever for a killed holder.
    lock = JournalFileOpenLock(str(folder / CLAIMS))
    lock.acquire()
    try:
        _cut_torn_line(folder / JOURNAL)
        yield
    finally:
        # Gone where another took this worker, asleep for half a minute, for killed. The leases,
        # which both have written then, are the last one's.
        with suppress(RuntimeError):
            lock.release()


def _cut_torn_line(path: Path) -> None:
    """Drop what a power cut or a full disk left of a line: the next would be joined to it."""
    content = path.read_bytes() if path.exists() else b""
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        raise BarsError(
            f"{path}: this is no journal of a sweep, or a line of it is damaged "
            f"({type(error).__name__}: {error}); move it away and give the command again: what "
            f"lies in {CELLS} is not computed again"
        ) from error
