"""Trials: networks that are begun to be trained on their own, to rank them truly.

A trial is the beginning of a training: the mean training loss of its last epoch ranks what such
trainings come to, which accuracies with shared weights do not (training speed estimation, Ru et
al., arXiv 2006.04492).
"""

import json
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path

import torch

from space.computed import Computed, computed
from space.decisions import Choices
from space.decode import decode
from space.genotype import Genotype, choices_of, genotype_of
from space.nn.network import Network
from space.search_space import SearchSpace

from .data.dataset import Dataset
from .errors import BarsError, DivergedError
from .network_rows import kept_choices, known_rows
from .random_numbers import initial_weights
from .ranks import from_first, is_first
from .run_folder import read_metrics
from .train import train_epochs
from .train_settings import TrainSettings
from .tried import TRIED_FORMAT, Tried, TriedHeader, TriedRow

RUNNING = "trial"
# Networks that differ little from one, in the order in which to try them. How many were tried so
# far seeds the draw: a derive that goes on draws the same.
Near = Callable[[Genotype, int], Iterable[Genotype]]


@dataclass(frozen=True, eq=False, slots=True)
class Trials:
    """Trainings of a search's networks from new weights, in its folder.

    epochs: of a trial, of those of the settings; known: trials that ended.
    """

    folder: Path
    dataset: Dataset
    settings: TrainSettings
    epochs: int
    device: torch.device
    known: Tried

    def tried(self, genotype: Genotype) -> TriedRow:
        """What a network's trial comes to; one that was tried is not again.

        Raises BarsError where a trial's metrics were removed.
        """
        if genotype not in self.known:
            choices = choices_of(genotype)
            asked = {
                "trial": choices, "settings": asdict(self.settings), "epochs": self.epochs,
            }  # fmt: skip
            from_first(json.dumps(asked).encode())
            try:
                run = trial_run(
                    self.folder, genotype, self.dataset, self.settings,
                    epochs=self.epochs, device=self.device,
                )  # fmt: skip
                row = _row_after(run, self.epochs, choices)
            except DivergedError:
                row = TriedRow(choices, None, None)
            self.known.add(row)
        return self.known[genotype]

    def runs(self) -> list[Path]:
        """The runs of the trials that ended."""
        return [
            trial_folder(
                self.folder, genotype_of(self.known.space, row.choices), self.settings,
                device=self.device,
            )
            for row in self.known.rows.values()
        ]  # fmt: skip


def _row_after(run: Path, epochs: int, choices: Choices) -> TriedRow:
    # A run that was killed in a longer trial is further.
    rows = [row for row in read_metrics(run) if row["epoch"] < epochs]
    if not rows or rows[-1]["epoch"] != epochs - 1:
        raise BarsError(
            f"{run}: the metrics of epoch {epochs}, by which trials are ranked, are not there; "
            "remove this folder, and the network is tried again"
        )
    accuracy = max(float(row["accuracy"]["validation"]) for row in rows)
    return TriedRow(choices, float(rows[-1]["loss"]), accuracy)


def open_trials(
    folder: Path,
    name: str,
    space: SearchSpace,
    dataset: Dataset,
    settings: TrainSettings,
    *,
    epochs: int,
    device: torch.device,
) -> Trials:
    """Return the trials of a search's networks for the first process, with those that ended.

    epochs: of a trial; those of the settings are of the trainings that it is the beginning of.
    name: of the file of what ended.
    """
    header = TriedHeader(
        2, device.type, settings.seed, epochs, settings.epochs, settings.batch_size,
        settings.optimizer, settings.learning_rate, settings.weight_decay,
    )  # fmt: skip
    known = known_rows(folder / name, space, header, TRIED_FORMAT)
    return Trials(folder, dataset, settings, epochs, device, known)


def trial_run(
    folder: Path,
    genotype: Genotype,
    dataset: Dataset,
    settings: TrainSettings,
    *,
    epochs: int,
    device: torch.device,
) -> Path:
    """Train a network with all processes, and return its run's folder in that of the search.

    A trial that was killed, or was shorter, goes on from the last checkpoint there. Raises
    DivergedError.
    """
    run = trial_folder(folder, genotype, settings, device=device)
    if is_first():
        run.mkdir(parents=True, exist_ok=True)
    with initial_weights(settings.seed):
        network = Network(decode(genotype), dataset.mean, dataset.std)
    train_epochs(network, dataset, settings, folder=run, device=device, until=epochs, title="trial")
    return run


def trial_folder(
    folder: Path, genotype: Genotype, settings: TrainSettings, *, device: torch.device
) -> Path:
    """Where a search's folder has the run of such a trial of a network, while it has one."""
    asked = json.dumps([kept_choices(genotype), asdict(settings), device.type])
    return folder / RUNNING / sha256(asked.encode()).hexdigest()[:16]


def forget_runs(folder: Path, *, but: Collection[Path]) -> None:
    """Remove what trials would go on from, but for some runs."""
    runs = folder / RUNNING
    for run in runs.iterdir() if runs.exists() else ():
        if run not in but:
            shutil.rmtree(run, ignore_errors=True)


def try_networks(
    trials: Trials, families: Sequence[Sequence[Genotype]], *, before: Sequence[Genotype],
    near: Near, count: int,
) -> Iterator[tuple[Genotype, float | None]]:  # fmt: skip
    """Try some networks, and yield each with its loss, None if it diverged, as its trial ends.

    The first of each family are; then always the first untried one of those near the best so far,
    or of the families where all of these were tried. Networks that were tried before come first,
    and count.
    """
    # Others follow from networks as they were tried, whatever else describes the same.
    networks = {computed(each): each for each in (*chain(*families), *before)}
    losses = {
        key: trials.tried(each).loss for key, each in networks.items() if each in trials.known
    }  # fmt: skip
    yield from ((networks[key], loss) for key, loss in losses.items())
    while len(losses) < count:
        firsts = (each for each, *_ in families)
        genotype = next((each for each in firsts if computed(each) not in losses), None)
        if genotype is None:
            genotype = _next_one(networks, losses, near)
        if genotype is None:
            break
        key = computed(genotype)
        networks[key], losses[key] = genotype, trials.tried(genotype).loss
        yield genotype, losses[key]


def _next_one(
    networks: Mapping[Computed, Genotype],
    losses: Mapping[Computed, float | None],
    near: Near,
) -> Genotype | None:
    """The first untried network near the best one, else of all; None where all were tried."""
    sound = {key: loss for key, loss in losses.items() if loss is not None}
    around: Iterable[Genotype] = ()
    if sound:
        best = networks[min(sound, key=lambda key: (sound[key], repr(key)))]
        around = near(best, len(losses))
    offered = chain(around, networks.values())
    return next((each for each in offered if computed(each) not in losses), None)
