"""A search, a derivation and a training, as one process does them or several under torchrun.

What is left of another order of sums flips no sign of a binary network: see `steady_signs`.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from unittest import mock

import torch
from torch import nn

from barsctl import devices
from barsctl.budgets import Budget
from barsctl.data_choice import DataChoice, load_choice
from barsctl.derive import DeriveSettings, derive
from barsctl.judge import JudgeSettings, judging_ranks
from barsctl.launch import among_ranks
from barsctl.search_run import search_run
from barsctl.search_settings import SearchSettings
from barsctl.train_settings import TrainSettings
from barsctl.training_run import TrainConfig, training_run
from tests.barsctl.tiny_runs import CPU, SEARCH, PowerCut, cut_after, tiny_config

# Two processes take 7 and 8 of the 15 images.
SETTINGS = replace(SEARCH, batch_size=15)
# One for the gap, then one of weights, and one of weights and one of the architecture.
BATCHES_OF_TWO_EPOCHS = 4
# Every step computes one network, and so do the epochs after them.
SINGLE = replace(SETTINGS, epochs=2, sampling="one", refine_epochs=1)
DERIVE = DeriveSettings(candidates=3, judge=JudgeSettings(batch_size=15), trials=1, trial_epochs=1)
TRAINING = TrainSettings(epochs=1, batch_size=17, ema_decay=0.5)


@contextmanager
def steady_signs() -> Iterator[None]:
    """Compute in float64, with norms whose biases begin away from 0.

    What a norm makes 0 (channels that are constant, integers that are their channel's mean) would
    have a sign that the last bit tells.
    """
    with (
        mock.patch.object(devices, "BFLOAT16_FLAGS", frozenset()),
        mock.patch.object(nn.BatchNorm2d, "reset_parameters", _begin_off_zero),
    ):
        torch.set_default_dtype(torch.float64)
        try:
            yield
        finally:
            torch.set_default_dtype(torch.float32)


def _begin_off_zero(norm: nn.BatchNorm2d) -> None:
    norm.reset_running_stats()
    nn.init.ones_(norm.weight)
    with torch.no_grad():
        norm.bias.copy_(0.1 * torch.arange(1, norm.num_features + 1).sin())


def search_in(
    folder: Path, images: Path, *, settings: SearchSettings = SETTINGS, batches: int | None = None
) -> None:
    """Search, or go on with it; batches: after how many of them the power fails."""
    data = DataChoice("npz", str(images), image_size=None, seed=0)
    dataset = load_choice(data)
    config = tiny_config(data, Budget("bops", 20e3), settings=settings)
    if batches is not None:
        dataset = cut_after(dataset, batches=batches)
    with suppress(PowerCut):
        search_run(config, dataset, folder=folder, resume=True, device=CPU)


def derive_and_train(search: Path, images: Path, *, out: Path) -> None:
    with judging_ranks(search, DERIVE.judge, device=CPU) as asks:
        if asks:
            derive(search, DERIVE, device=CPU, notify=print)
    data = DataChoice("npz", str(images), image_size=None, seed=0)
    config = TrainConfig(2, "train", str(search), data, "float", False, TRAINING)
    training_run(config, folder=out, resume=True, device=CPU, notify=print)


def main(folder: Path, images: Path) -> None:
    """Search in part, finish a search that is there, search single networks; derive, train."""
    with steady_signs(), among_ranks():
        search_in(folder / "cut", images, batches=BATCHES_OF_TWO_EPOCHS)
        search_in(folder / "resumed", images)
        search_in(folder / "single", images, settings=SINGLE)
        derive_and_train(folder / "derived", images, out=folder / "trained")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
