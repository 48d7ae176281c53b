"""Trials: candidates that are trained on their own for a short while, to rank them truly.

The mean training loss of a trial's last epoch ranks what long trainings come to, which accuracies
with shared weights do not: training speed estimation (Ru et al., arXiv 2006.04492).
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch

from space.decode import decode
from space.genotype import Genotype, choices_of
from space.nn.network import Network
from space.search_space import SearchSpace

from .data.dataset import Dataset
from .network_rows import known_rows
from .promising import features, most_promising, spread, weights_in
from .random_numbers import initial_weights
from .ranks import from_first, is_first
from .run_folder import read_metrics
from .train import train
from .train_settings import TrainSettings
from .tried import TRIALS, TRIED_FORMAT, Tried, TriedHeader, TriedRow

RUNNING = "trial"


@dataclass(frozen=True, eq=False, slots=True)
class Trials:
    """Trainings of a search's networks from new weights, in its folder; known: those that ended."""

    folder: Path
    dataset: Dataset
    settings: TrainSettings
    device: torch.device
    known: Tried

    def loss(self, genotype: Genotype) -> float:
        """A network's loss in the last epoch of its trial; one that was tried is not again."""
        if genotype not in self.known:
            choices = choices_of(genotype)
            asked = {"trial": choices, "settings": asdict(self.settings)}
            from_first(json.dumps(asked).encode())
            run = trial_run(
                self.folder, genotype, self.dataset, self.settings, device=self.device
            )  # fmt: skip
            self.known.add(TriedRow(choices, float(read_metrics(run)[-1]["loss"])))
            shutil.rmtree(self.folder / RUNNING)
        return self.known[genotype].loss


def open_trials(
    folder: Path,
    space: SearchSpace,
    dataset: Dataset,
    settings: TrainSettings,
    *,
    device: torch.device,
) -> Trials:
    """Return the trials of a search's networks for the first process, with those that ended."""
    header = TriedHeader(1, device.type, settings.seed, settings.epochs, settings.batch_size)
    known = known_rows(folder / TRIALS, space, header, TRIED_FORMAT)
    return Trials(folder, dataset, settings, device, known)


def trial_run(
    folder: Path,
    genotype: Genotype,
    dataset: Dataset,
    settings: TrainSettings,
    *,
    device: torch.device,
) -> Path:
    """Train a network with all processes, and return its run's folder in that of the search.

    A trial that was killed goes on from the last checkpoint there.
    """
    asked = json.dumps([choices_of(genotype), asdict(settings), device.type])
    run = folder / RUNNING / sha256(asked.encode()).hexdigest()[:16]
    if is_first():
        run.mkdir(parents=True, exist_ok=True)
    with initial_weights(settings.seed):
        network = Network(decode(genotype), dataset.mean, dataset.std)
    # The test images are for the network that is chosen.
    untested = replace(dataset, test=dataset.validation)
    train(network, untested, settings, folder=run, device=device, title="trial")
    return run


def tried_in_turn(
    trials: Trials, networks: Sequence[Genotype], accuracies: Sequence[float], *, count: int
) -> Iterator[tuple[int, float]]:
    """Try some of the networks, and yield the index and the loss of each, as its trial ends.

    accuracies: with shared weights. Half of the `count` are spread over the numbers of weights,
    then always the network is tried that promises the least loss. Those tried before come first,
    and count.
    """
    losses = {
        index: trials.loss(each) for index, each in enumerate(networks) if each in trials.known
    }
    yield from losses.items()
    weights = [weights_in(each) for each in networks]
    first = iter(spread(weights, accuracies, count=(count + 1) // 2))
    described = np.array(
        [[*features(each), share] for each, share in zip(networks, accuracies, strict=True)]
    )
    while len(losses) < min(count, len(networks)):
        index = next((each for each in first if each not in losses), None)
        if index is None:
            index = most_promising(described, losses)
        losses[index] = trials.loss(networks[index])
        yield index, losses[index]
