"""The exact execution of frozen networks."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from space.blocks import is_sign
from space.errors import SpaceError
from space.frozen import FrozenNetwork
from space.graph import BlockGraph
from space.nn.freeze import freeze
from space.nn.integer import IntegerNetwork
from space.nn.network import Network
from space.random_frozen import random_frozen
from tests.example_graphs import EXAMPLE_GRAPHS
from tests.frozen_oracle import oracle_logits, oracle_values, random_images

Build = Callable[[], BlockGraph]
every_graph = pytest.mark.parametrize("build", EXAMPLE_GRAPHS.values(), ids=EXAMPLE_GRAPHS)


def assert_equals_oracle(frozen: FrozenNetwork, rng: np.random.Generator) -> None:
    images = random_images(frozen.graph, rng, count=3)
    expected = oracle_values(frozen, images)
    found = IntegerNetwork(frozen).values(images)
    assert found.keys() == {value for value in expected if value.node != "image"}
    for value, tensor in found.items():
        assert tensor.dtype == torch.int32
        channels_last = tensor if value.port == "logits" else tensor.permute(0, 2, 3, 1)
        integers = 1 - 2 * channels_last if is_sign(value.port) else channels_last
        assert np.array_equal(integers.numpy(), expected[value]), value


@every_graph
@pytest.mark.parametrize("seed", range(3))
def test_random_integers_give_the_oracle_values(build: Build, seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert_equals_oracle(random_frozen(build(), rng), rng)


@every_graph
def test_frozen_networks_give_the_oracle_values(build: Build) -> None:
    rng = np.random.default_rng(0)
    graph = build()
    network = Network(graph, [100.0] * graph.image_channels, [60.0] * graph.image_channels)
    images = random_images(graph, rng, count=8)
    pixels = torch.tensor(images).permute(0, 3, 1, 2)
    for _ in range(10):
        network(pixels)
    assert_equals_oracle(freeze(network, pixels), rng)


@every_graph
def test_logits_need_no_other_value(build: Build) -> None:
    rng = np.random.default_rng(0)
    frozen = random_frozen(build(), rng)
    images = random_images(frozen.graph, rng, count=3)
    logits = IntegerNetwork(frozen).logits(torch.tensor(images))
    assert np.array_equal(logits.numpy(), oracle_logits(frozen, images))


def test_images_of_another_shape_are_refused() -> None:
    frozen = random_frozen(EXAMPLE_GRAPHS["cell"](), np.random.default_rng(0))
    with pytest.raises(SpaceError, match=r"must be uint8 \[images, 9, 9, 3\]"):
        IntegerNetwork(frozen).logits(np.zeros((1, 3, 9, 9), np.uint8))
