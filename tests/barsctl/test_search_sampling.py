"""What steps of a search compute: schedules, mixtures and single networks."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from barsctl.search import new_state
from barsctl.search_sampling import (
    distribution,
    progress_after_warmup,
    sample,
    temperature,
    widest,
)
from barsctl.search_settings import Sampling
from barsctl.search_steps import SearchState
from space.nn.architecture import Architecture
from tests.barsctl.tiny_runs import CPU, SEARCH, SPACE, tiny_dataset

EPOCH = SEARCH.warmup_epochs


def fresh_state(folder: Path) -> SearchState:
    return new_state(SPACE, tiny_dataset(folder), SEARCH, budgets=0, device=CPU)


def test_warmup_is_uniform_and_then_falls_to_the_last_temperature() -> None:
    settings = replace(SEARCH, epochs=5, first_temperature=4.0, last_temperature=1.0)
    found = [temperature(settings, epoch) for epoch in range(5)]
    assert found == pytest.approx([4, 4, 4 ** (2 / 3), 4 ** (1 / 3), 1])


def test_single_epoch_after_the_warmup_is_the_last_one() -> None:
    settings = replace(SEARCH, epochs=3, warmup_epochs=2, last_temperature=1.0)
    found = [progress_after_warmup(settings, epoch) for epoch in range(4)]
    assert found == [0, 0, 1, 1]
    assert temperature(settings, 2) == 1.0


def test_warmup_mixes_all_options_equally(tmp_path: Path) -> None:
    state = fresh_state(tmp_path)
    state.architecture.logits["depth/0"].data[0] = 5.0
    found = sample(state, SEARCH, 0, generator=torch.Generator())["depth/0"]
    assert found.tolist() == [0.5, 0.5]


def test_warmup_of_single_networks_begins_with_wide_ones(tmp_path: Path) -> None:
    settings = replace(SEARCH, epochs=100, warmup_epochs=50, sampling="one")
    state, noise = fresh_state(tmp_path), torch.Generator().manual_seed(0)
    largest = SPACE.widths.index(max(SPACE.widths))

    def wide_of_100(epoch: int) -> int:
        samples = [sample(state, settings, epoch, generator=noise) for _ in range(100)]
        return sum(each["width/0"].tolist()[largest] == 1 for each in samples)

    assert wide_of_100(0) > 95 > 60 > wide_of_100(25) > 40 > 5 > wide_of_100(49)


def test_kept_widths_stay_as_they_are() -> None:
    architecture = Architecture(SPACE, kept={"width/0": 0})
    even = architecture.probabilities(1.0, mode="uniform")
    assert widest(SPACE, architecture, even)["width/0"].tolist() == even["width/0"].tolist()


def test_gumbel_stands_for_the_softmax_at_any_temperature(tmp_path: Path) -> None:
    state = fresh_state(tmp_path)
    logits = state.architecture.logits["depth/0"]
    found = distribution(state, SEARCH, EPOCH)["depth/0"]
    assert torch.equal(found, torch.softmax(logits, 0))


# The temperatures are 2 in epoch 1 and 1/2 in epoch 2.
COOLING = replace(SEARCH, epochs=3, warmup_epochs=1, first_temperature=2.0, last_temperature=0.5)
# Logits 0 and log 9 at temperature 2: odds of 3, sigmoids of 1/2 and 3/4; at 1/2: odds of 81,
# sigmoids of 1/2 and 81/82.
BY_HAND: dict[Sampling, tuple[float, float]] = {
    "softmax": (3 / 4, 81 / 82),
    "sigmoid": (3 / 5, (81 / 82) / (1 / 2 + 81 / 82)),
}


@pytest.mark.parametrize("sampling", BY_HAND)
def test_mixtures_without_noise_cool_as_scheduled(sampling: Sampling, tmp_path: Path) -> None:
    state, settings = fresh_state(tmp_path), replace(COOLING, sampling=sampling)
    state.architecture.logits["depth/0"].data.copy_(torch.tensor([1.0, 9.0]).log())
    for epoch, expected in enumerate(BY_HAND[sampling], start=1):
        mixed = sample(state, settings, epoch, generator=torch.Generator())["depth/0"]
        typical = distribution(state, settings, epoch)["depth/0"]
        assert float(mixed[1].detach()) == pytest.approx(expected)
        assert torch.equal(mixed, typical)


@pytest.mark.parametrize("sampling", ["gumbel", "one"])
def test_noisy_mixtures_cool_as_scheduled(sampling: Sampling, tmp_path: Path) -> None:
    """The same noise at a quarter of the temperature: odds to the power of 4."""
    state, settings = fresh_state(tmp_path), replace(COOLING, sampling=sampling)

    def log_odds(epoch: int, *, seed: int) -> float:
        noise = torch.Generator().manual_seed(seed)
        mixed = sample(state, settings, epoch, generator=noise)["depth/0"].tolist()
        return math.log(mixed[1] / mixed[0])

    warm, cold = log_odds(1, seed=1), log_odds(2, seed=1)
    assert cold == pytest.approx(4 * warm, rel=1e-5)
    assert log_odds(1, seed=2) != pytest.approx(warm, rel=0.1)
