"""A tiny trained run, and a weight changed behind a package's back."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from barsctl.package_report import FROZEN
from barsctl.train_settings import TrainSettings
from barsctl.training_run import TrainConfig, training_run
from space.frozen_file import read_frozen, write_frozen
from space.genotype import random_genotype, write_genotype
from tests.barsctl.tiny_runs import CPU, SPACE, write_images

# In the middle of every network of the space: the reduction's first convolution.
TAMPERED = "s1r.process"


def train_tiny(folder: Path) -> Path:
    """Train a network for a moment and return its run's folder."""
    data = write_images(folder)
    write_genotype(random_genotype(SPACE, np.random.default_rng(2)), folder / "genotype.json")
    config = TrainConfig(
        2, "train", str(folder / "genotype.json"), data, "none", inherit=False,
        settings=TrainSettings(epochs=1, batch_size=16),
    )  # fmt: skip
    run = folder / "tiny run"
    training_run(config, folder=run, resume=False, device=CPU, notify=print)
    return run


def tamper(package: Path) -> None:
    """Negate the weights of one layer in the frozen network of a compiled package."""
    frozen = read_frozen(package / FROZEN)
    block = frozen.blocks[TAMPERED]
    assert block.weights is not None
    blocks = frozen.blocks | {TAMPERED: replace(block, weights=-block.weights)}
    write_frozen(replace(frozen, blocks=blocks), package / FROZEN)
