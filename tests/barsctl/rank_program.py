"""Searches, a derivation and trainings, as one process does them or several under torchrun.

What is left of another order of sums flips no sign of a binary network: see `steady_signs`.
"""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
import torch
from torch import nn

from barsctl import devices
from barsctl.budgets import Budget
from barsctl.data_choice import DataChoice, load_choice
from barsctl.derive import DeriveSettings, derive
from barsctl.judge import JudgeSettings, judging_ranks
from barsctl.launch import among_ranks
from barsctl.ranks import wait_for_first
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
SINGLE = replace(SETTINGS, epochs=2, sampling="one", refine_epochs=2)
# Before the architecture's of the second epoch.
BATCHES_INTO_SEARCH = BATCHES_OF_TWO_EPOCHS - 1
# Then, of 3 in an epoch of single networks alone, those of one and the first of the next.
BATCHES_INTO_REFINEMENT = BATCHES_OF_TWO_EPOCHS + 4
DERIVE = DeriveSettings(candidates=3, judge=JudgeSettings(batch_size=15), trials=1, trial_epochs=1)
TRAINING = TrainSettings(epochs=2, batch_size=17, ema_decay=0.5)
# Of 2 in an epoch, and 2 for the norms: the teacher's two epochs, one of the network, and the first
# of the next.
BATCHES_INTO_TRAINING = 2 * 4 + 5


@contextmanager
def steady_signs() -> Iterator[None]:
    """Compute in float64, with norms whose biases begin away from 0, and few networks to draw from.

    What a norm makes 0 (channels that are constant, integers that are their channel's mean) would
    have a sign that the last bit tells.
    """
    with (
        mock.patch.object(devices, "BFLOAT16_FLAGS", frozenset()),
        mock.patch.object(nn.BatchNorm2d, "reset_parameters", _begin_off_zero),
        # Seconds are lost in a space so small, that has few, to find more.
        mock.patch("barsctl.refine.CANDIDATES", 6),
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


def power_cut(batches: int | None) -> AbstractContextManager[object]:
    """Expect that the power fails where it is to do so after some batches."""
    return nullcontext() if batches is None else pytest.raises(PowerCut)


def search_in(
    folder: Path, images: Path, *, settings: SearchSettings = SETTINGS, batches: int | None = None
) -> None:
    """Search, or go on with it; batches: after how many of them the power fails."""
    data = DataChoice("npz", str(images), image_size=None, seed=0)
    dataset = load_choice(data)
    config = tiny_config(data, Budget("bops", 20e3), settings=settings)
    if batches is not None:
        dataset = cut_after(dataset, batches=batches)
    with power_cut(batches):
        search_run(config, dataset, folder=folder, resume=True, device=CPU)


def derive_in(search: Path) -> None:
    with judging_ranks(search, DERIVE.judge, device=CPU) as asks:
        if asks:
            derive(search, DERIVE, device=CPU, notify=print)


def train_in(folder: Path, images: Path, *, search: Path, batches: int | None = None) -> None:
    """Train, or go on with it; batches: after how many of them the power fails."""
    data = DataChoice("npz", str(images), image_size=None, seed=0)
    config = TrainConfig(2, "train", str(search), data, "float", False, TRAINING)
    dataset = load_choice(data)
    if batches is not None:
        dataset = cut_after(dataset, batches=batches)
    with mock.patch("barsctl.training_run.load_choice", return_value=dataset), power_cut(batches):
        training_run(config, folder=folder, resume=True, device=CPU, notify=print)


def main(folder: Path, images: Path) -> None:
    """Do all that several processes do together, from what is in the folder on."""
    with steady_signs(), among_ranks():
        search_in(folder / "cut", images, batches=BATCHES_OF_TWO_EPOCHS)
        search_in(folder / "resumed", images)
        search_in(folder / "single", images, settings=SINGLE)
        for batches in (BATCHES_INTO_SEARCH, BATCHES_INTO_REFINEMENT - 1, None):
            search_in(folder / "again", images, settings=SINGLE, batches=batches)
            wait_for_first()
        search_in(folder / "refined", images, settings=SINGLE)
        derive_in(folder / "derived")
        train_in(folder / "trained", images, search=folder / "derived")
        for batches in (BATCHES_INTO_TRAINING, None):
            train_in(folder / "train-again", images, search=folder / "derived", batches=batches)
            wait_for_first()
        train_in(folder / "train-resumed", images, search=folder / "found")


def require_farewell() -> None:
    """Fail where threads of the processes' group are left: they may abort Python's end."""
    threads = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    assert not [name for name in threads if "gloo" in name], threads


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
    require_farewell()
