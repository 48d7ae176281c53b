"""How good single networks of a search are: each on its own, with the weights that it shares."""

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from space.decisions import Choices
from space.genotype import choices_of, genotype_of
from space.nn.supernet import Supernet
from space.search_space import SearchSpace

from .architecture_metrics import log_probabilities
from .batches import random_images, split_in_halves
from .candidates import LogProbabilities
from .data.dataset import Dataset
from .data.source import ImageSource
from .data_choice import load_choice
from .errors import DivergedError
from .gap import discrete_accuracy
from .judged import JUDGED, JUDGED_FORMAT, Judged, JudgedHeader, JudgedRow, file_digest
from .network_rows import NetworkRows, known_rows
from .ranks import from_first, is_first, own_ranks, sum_over_ranks
from .run_folder import LAST
from .search_run import SearchConfig, load_search, read_search_config
from .search_sampling import distribution
from .train_settings import TrainSettings
from .trials import trial_run


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
    dataset: Dataset
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

    def accuracies(self, choices: Sequence[Choices]) -> list[float]:
        """The accuracies of networks on held-out images; one that was judged is not again."""
        genotypes = [genotype_of(self.space, each) for each in choices]
        unknown = [index for index, each in enumerate(genotypes) if each not in self.known]
        if unknown:
            asked = [dict(choices[index]) for index in unknown]
            from_first(json.dumps({"judged": asked}).encode())
            for index, share in zip(unknown, self.judged(asked), strict=True):
                self.known.add(JudgedRow(choices_of(genotypes[index]), share))
        return [self.known[each].accuracy for each in genotypes]

    def judged(self, choices: Sequence[Choices]) -> list[float]:
        """The accuracies of networks that all processes judge now, each some of them."""
        ranks = own_ranks()
        shares = torch.zeros(len(choices), dtype=torch.float64)
        for index in range(ranks.rank, len(choices), ranks.size):
            shares[index] = discrete_accuracy(
                self.supernet, genotype_of(self.space, choices[index]), self.calibration,
                self.held_out, batch_size=self.batch_size, device=self.device,
            )  # fmt: skip
        return sum_over_ranks(shares).tolist()


def open_judge(
    folder: Path, config: SearchConfig, settings: JudgeSettings, *, device: torch.device
) -> Judge:
    """Return the judge of a search's networks, who knows what was judged before.

    Raises BarsError where the search has not ended.
    """
    dataset = load_choice(config.data)
    state, epoch = load_search(config, dataset, folder=folder, device=device)
    weights_half, _ = split_in_halves(dataset.train, seed=config.settings.seed)
    header = JudgedHeader(
        format=1, checkpoint=file_digest(folder / LAST), device=device.type, **asdict(settings)
    )
    path, space = folder / JUDGED, config.space
    known = (
        known_rows(path, space, header, JUDGED_FORMAT)
        if is_first()
        else NetworkRows(path, space, JUDGED_FORMAT)
    )
    return Judge(
        space,
        dataset,
        state.supernet,
        log_probabilities(distribution(state, config.settings, epoch), config.kept),
        random_images(weights_half, count=settings.calibration_images, seed=settings.seed),
        random_images(dataset.validation, count=settings.held_out_images, seed=settings.seed),
        known,
        settings.batch_size,
        device,
    )


@contextmanager
def judging_ranks(folder: Path, settings: JudgeSettings, *, device: torch.device) -> Iterator[bool]:
    """Whether this is the first process, which asks; the others work for it before the context.

    They judge networks, and train those that are tried, as the first one asks them to, and return
    when the first one leaves the context. Raises as `open_judge`.
    """
    if is_first():
        yield True
        from_first(b"")  # not after an error: the others may wait for something else
        return
    judge = open_judge(folder, read_search_config(folder), settings, device=device)
    while content := from_first(b""):
        asked = json.loads(content)
        if "trial" in asked:
            with suppress(DivergedError):  # the first process notes it
                trial_run(
                    folder, genotype_of(judge.space, asked["trial"]), judge.dataset,
                    TrainSettings(**asked["settings"]), epochs=asked["epochs"], device=device,
                )  # fmt: skip
        else:
            judge.judged(asked["judged"])
    yield False
