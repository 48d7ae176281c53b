"""A sweep's cells as trials of an Optuna study, in a journal that several workers share.

Optuna keeps the journal and its order; leases tell which of its running trials have a worker.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import TrialState

from .lease import Lease, Watch, own_lease, write_lease

JOURNAL, CLAIMS, CELLS = "journal.log", "claims", "cells"
State = Literal["waiting", "running", "finished", "failed"]
ENDED: tuple[State, ...] = ("finished", "failed")
_STATES: dict[TrialState, State] = {
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "finished",
    TrialState.FAIL: "failed",
}


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

        A cell that failed waits again where somebody removed its folder.
        """
        last = {name: Trial(name, -1, "waiting") for name in self.cells}
        for trial in self.study.get_trials(deepcopy=False):
            name, state = str(trial.params["cell"]), _STATES[trial.state]
            if state != "failed" or (self.folder / CELLS / name).exists():
                last[name] = Trial(name, trial.number, state)
        return list(last.values())

    def claim(self) -> Claim | None:
        """Take a cell that nobody computes and that has not ended; None where there is none."""
        with _alone(self.folder / CLAIMS):
            for trial in self.trials():
                folder = self.folder / CELLS / trial.cell
                if trial.state in ENDED or not self.watch.is_free(folder):
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
        self.study.add_trial(
            optuna.create_trial(
                state=TrialState.RUNNING,
                params={"cell": cell},
                distributions={"cell": CategoricalDistribution(self.cells)},
            )
        )
        return Trial(cell, self.study.get_trials(deepcopy=False)[-1].number, "running")

    def end(self, trial: Trial, objectives: tuple[float, float] | None) -> None:
        """Keep a cell's accuracy and cost, or that it failed."""
        state = TrialState.FAIL if objectives is None else TrialState.COMPLETE
        self.study.tell(trial.number, objectives, state=state, skip_if_finished=True)

    def front(self) -> set[str]:
        """The cells that no other is as cheap as and more accurate, or as accurate and cheaper."""
        return {str(trial.params["cell"]) for trial in self.study.best_trials}


def open_journal(folder: Path, cells: Sequence[str]) -> Journal:
    """Return the study in a sweep's folder, begun where it is not there."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with _alone(folder / CLAIMS):
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
def _alone(path: Path) -> Iterator[None]:
    """Keep all other workers out; a lock whose holder was killed is broken after half a minute."""
    # Not the one by symbolic links: with a relative path it waits for ever for a killed holder.
    lock = JournalFileOpenLock(str(path))
    lock.acquire()
    try:
        yield
    finally:
        lock.release()
