"""Random numbers of a run: every epoch's come from the seed and the epoch's number alone.

So a run that goes on after its last checkpoint draws what it would have drawn, and there is no
generator state to keep.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def epoch_numbers(seed: int, epoch: int) -> np.random.Generator:
    """Return the generator of an epoch's order and augmentation."""
    return np.random.default_rng([seed, epoch])


def epoch_noise(seed: int, epoch: int) -> torch.Generator:
    """Return the generator of an epoch's noise; it is on the CPU, whatever the device."""
    words = np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(words[0] >> np.uint64(1)))


@contextmanager
def initial_weights(seed: int) -> Iterator[None]:
    """Make modules built in the context draw their weights from the seed, and nothing else."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
