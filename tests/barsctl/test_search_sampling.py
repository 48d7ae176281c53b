"""What steps of a search compute: schedules, mixtures and single networks."""

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
