"""The gap between the relaxed supernet and the network that it stands for."""

from pathlib import Path

import numpy as np
import torch

from barsctl.batches import split_in_halves
from barsctl.gap import GapImages, gap_images, measured_gap
from barsctl.random_numbers import initial_weights
from space.decisions import decisions
from space.genotype import choices_of, random_genotype
from space.nn.supernet import Supernet
from tests.barsctl.tiny_runs import CPU, SPACE, tiny_dataset


def images(folder: Path) -> GapImages:
    dataset = tiny_dataset(folder)
    half, _ = split_in_halves(dataset.train, seed=0)
    return gap_images(dataset, half, batch_size=16, seed=0, device=CPU)


def test_one_hot_mixture_has_no_gap(tmp_path: Path) -> None:
    with initial_weights(0):
        supernet = Supernet(SPACE, (60.0,), (50.0,))
    genotype = random_genotype(SPACE, np.random.default_rng(1))
    one_hot = {
        name: torch.eye(len(decisions(SPACE)[name]))[choice]
        for name, choice in choices_of(genotype).items()
    }
    before = {name: each.clone() for name, each in supernet.state_dict().items()}
    gap = measured_gap(supernet, one_hot, genotype, images(tmp_path))
    assert gap.difference == 0
    assert 0 < gap.relaxed < 1
    after = supernet.state_dict()
    assert all(torch.equal(each, after[name]) for name, each in before.items())


def test_gap_is_measured_on_held_out_images(tmp_path: Path) -> None:
    found = images(tmp_path)
    dataset = tiny_dataset(tmp_path)
    assert sum(len(batch.labels) for batch in found.held_out) == len(dataset.validation)
    assert all(len(batch.labels) == 16 for batch in found.calibration)
