"""The naive form computes what ours does: what is compared in speed is the same training."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from harness.naive_training import naive_network, naive_supernet
from torch import Tensor, nn
from torch.nn import functional as F

from space.genotype import random_genotype
from space.nn.architecture import Architecture
from space.search_space import SearchSpace
from tests.example_spaces import SMALL
from tests.space.nn.test_supernet import pixels_of, supernet_of

LABELS = torch.tensor([0, 1, 2, 0, 1])
SPACES = {"one-stem": SMALL, "stem-per-tensor": replace(SMALL, stem_blocks=3, form="edge")}


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_naive_supernet_has_the_same_logits_and_gradients(space: SearchSpace) -> None:
    supernet = supernet_of(space)
    architecture = Architecture(space, torch.Generator().manual_seed(0)).double()
    for logits in architecture.parameters():
        nn.init.normal_(logits, generator=torch.Generator().manual_seed(1))
    learned = nn.ModuleList([supernet, architecture])

    def ours() -> Tensor:
        logits: Tensor = supernet(pixels_of(space), architecture.probabilities(1.0))
        return logits

    def naive() -> Tensor:
        return naive_supernet(supernet, pixels_of(space), architecture.probabilities(1.0))

    assert_equal_training(learned, ours, naive)


def test_naive_network_has_the_same_logits_and_gradients() -> None:
    rng = np.random.default_rng(0)
    for space in SPACES.values():
        network = supernet_of(space).network_for(random_genotype(space, rng))
        pixels = pixels_of(space)

        def ours(network: nn.Module = network, pixels: Tensor = pixels) -> Tensor:
            logits: Tensor = network(pixels)
            return logits

        assert_equal_training(network, ours, lambda: naive_network(network, pixels))  # noqa: B023


def assert_equal_training(
    learned: nn.Module, ours: Callable[[], Tensor], naive: Callable[[], Tensor]
) -> None:
    parameters = dict(learned.named_parameters())
    found = []
    for forward in (ours, naive):
        logits = forward()
        loss = F.cross_entropy(logits, LABELS)
        gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
        found.append((logits, *gradients))
    for name, own, other in zip(["logits", *parameters], *found, strict=True):
        # A stage without normal cells has one depth: the naive form multiplies with its 1.
        own = torch.zeros_like(other) if own is None else own
        torch.testing.assert_close(other, own, rtol=1e-7, atol=1e-9, msg=name)
