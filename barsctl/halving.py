"""Successive halving of networks by trials: all are begun, the best are trained to the end.

The loss of an early epoch tells what is worth that, and accuracy in the end what is best (Jamieson
and Talwalkar, arXiv 1502.07943).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from math import ceil
from pathlib import Path

import torch

from space.computed import computed
from space.decisions import Choices
from space.genotype import Genotype
from space.search_space import SearchSpace
from targets.toolchain import Notify

from .data.dataset import Dataset
from .train_settings import TrainSettings
from .trials import Near, Trials, forget_runs, open_trials, try_networks
from .tried import TRIALS, WHOLE_TRIALS

# Of the networks that were tried, one of so many goes on.
GOES_ON = 4
# Of the epochs of a trial, those of the training that it begins: of ten epochs the third was found
# to rank networks.
WHOLE = 10 / 3
DIVERGED = "the weights diverged"
# Whether a network, as measured where budgets are, keeps to them.
Keeps = Callable[[Genotype], bool]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a network's trial came to: its mean training loss in the last of the epochs.

    accuracy: on validation images, where it was trained to the end; None where it was begun.
    """

    epochs: int
    loss: float
    accuracy: float | None


@dataclass(frozen=True, eq=False, slots=True)
class Halving:
    """Trials of a search's networks, and whole trainings of the best, by the first process.

    count: of networks to try; seed: of their first weights.
    """

    count: int
    seed: int
    short: Trials
    whole: Trials

    def known(self) -> list[Choices]:
        """The choices of all networks that were ever tried."""
        return [row.choices for row in self.short.known.rows.values()]

    def run(
        self, families: Sequence[Sequence[Genotype]], *, before: Sequence[Genotype], near: Near,
        keeps_to_boards: Keeps, notify: Notify,
    ) -> list[Genotype]:  # fmt: skip
        """Try some of the networks, and return these; see `try_networks`.

        The best quarter of those that keep to the boards' budgets, as measured, are trained to the
        end; their runs stay in the search's folder.
        """
        all_count = max(self.count, len(set(map(computed, before))))
        tried: list[tuple[Genotype, float | None]] = []
        for genotype, loss in try_networks(
            self.short, families, before=before, near=near, count=self.count
        ):
            tried.append((genotype, loss))
            notify(f"tried {len(tried)} of {all_count}: {_told(loss)}")
        sound = [(loss, index) for index, (_, loss) in enumerate(tried) if loss is not None]
        within = (each for _, index in sorted(sound) if keeps_to_boards(each := tried[index][0]))
        count = _best_count(len(tried))
        for number, genotype in enumerate(islice(within, count), start=1):
            accuracy = self.whole.tried(genotype).accuracy
            told = DIVERGED if accuracy is None else f"accuracy {accuracy:.1%}"
            notify(f"trained {number} of {count} to the end: {told}")
        forget_runs(self.short.folder, but=self.whole.runs())
        return [genotype for genotype, _ in tried]

    def diverged(self, genotype: Genotype) -> bool:
        """Whether a trial of a network was begun in vain."""
        return any(
            genotype in trials.known and trials.known[genotype].loss is None
            for trials in (self.short, self.whole)
        )

    def outcome(self, genotype: Genotype) -> Outcome | None:
        """What the longest trial of a network came to; None where it has none."""
        for trials in (self.whole, self.short):
            if genotype in trials.known:
                row = trials.known[genotype]
                accuracy = row.accuracy if trials is self.whole else None
                return None if row.loss is None else Outcome(trials.epochs, row.loss, accuracy)
        return None


def trained_epochs(count: int, epochs: int) -> int:
    """How many epochs trials of so many networks take in all."""
    return count * epochs + _best_count(count) * (_whole_epochs(epochs) - epochs)


def _best_count(count: int) -> int:
    return ceil(count / GOES_ON)


def _whole_epochs(epochs: int) -> int:
    return round(WHOLE * epochs)


def _told(loss: float | None) -> str:
    return DIVERGED if loss is None else f"loss {loss:.3f}"


def open_halving(
    folder: Path, space: SearchSpace, dataset: Dataset, *, count: int, epochs: int,
    batch_size: int, seed: int, device: torch.device,
) -> Halving:  # fmt: skip
    """Return the trials of a search's networks for the first process, with those that ended.

    count: of networks to try; epochs: of a trial.
    """
    training = TrainSettings(
        seed=seed, epochs=_whole_epochs(epochs), batch_size=batch_size, label_smoothing=0.0
    )
    by_file = {TRIALS: epochs, WHOLE_TRIALS: training.epochs}
    short, whole = (
        open_trials(folder, name, space, dataset, training, epochs=each, device=device)
        for name, each in by_file.items()
    )
    return Halving(count, seed, short, whole)
