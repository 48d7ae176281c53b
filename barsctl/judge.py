"""How good single networks of a search are: each on its own, with the weights that it shares."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from space.decisions import Choices
from space.genotype import genotype_of
from space.nn.supernet import Supernet
from space.search_space import SearchSpace

from .architecture_metrics import log_probabilities
from .batches import random_images, split_in_halves
from .candidates import LogProbabilities
from .data.source import ImageSource
from .data_choice import load_choice
from .gap import discrete_accuracy
from .judged import JUDGED, Judged, JudgedHeader, file_digest, read_judged
from .run_folder import LAST
from .search import distribution
from .search_run import SearchConfig, load_search


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """What networks are judged on."""

    seed: int = 0
    batch_size: int = 128
    calibration_images: int = 2048
    """Training images, at most, that the batch norms' statistics are estimated on."""
    held_out_images: int = 4096
    """Validation images, at most, that the networks are ranked by."""


@dataclass(frozen=True, eq=False, slots=True)
class Judge:
    """A search's supernet and probabilities, with the images that its networks are judged on."""

    space: SearchSpace
    supernet: Supernet
    log_probabilities: LogProbabilities
    calibration: ImageSource
    held_out: ImageSource
    known: Judged
    batch_size: int
    device: torch.device

    @property
    def sampling_error(self) -> float:
        """The standard error of an accuracy near one half, as only so many images tell it."""
        return 0.5 / math.sqrt(len(self.held_out))

    def accuracy(self, choices: Choices) -> float:
        """The accuracy of one network on held-out images; one that was judged is not again."""
        genotype = genotype_of(self.space, choices)
        share = self.known.accuracy(genotype)
        if share is None:
            share = discrete_accuracy(
                self.supernet, genotype, self.calibration, self.held_out,
                batch_size=self.batch_size, device=self.device,
            )  # fmt: skip
            self.known.add(genotype, share)
        return share


def open_judge(
    folder: Path, config: SearchConfig, settings: JudgeSettings, *, device: torch.device
) -> Judge:
    """Return the judge of a search's networks, who knows what was judged before.

    Raises BarsError where the search has no checkpoint.
    """
    dataset = load_choice(config.data)
    state, epoch = load_search(config, dataset, folder=folder, device=device)
    weights_half, _ = split_in_halves(dataset.train, seed=config.settings.seed)
    header = JudgedHeader(
        format=1, checkpoint=file_digest(folder / LAST), device=device.type, **asdict(settings)
    )
    return Judge(
        config.space,
        state.supernet,
        log_probabilities(distribution(state, config.settings, epoch), config.kept),
        random_images(weights_half, count=settings.calibration_images, seed=settings.seed),
        random_images(dataset.validation, count=settings.held_out_images, seed=settings.seed),
        read_judged(folder / JUDGED, config.space, header),
        settings.batch_size,
        device,
    )
