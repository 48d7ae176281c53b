"""The real-valued counterpart of a binary network."""

import numpy as np
import torch

from space.decode import decode
from space.genotype import random_genotype
from space.nn.binarize import BatchNormSign, binary_sign
from space.nn.layers import BinaryConvOperator
from space.nn.network import Network
from space.nn.real import real_network, set_real_weights
from space.presets import named_space

GRAPH = decode(
    random_genotype(named_space("demo", image_size=8, classes=3), np.random.default_rng(1))
)


def networks() -> tuple[Network, Network]:
    """A binary network and its real counterpart with the same weights."""
    found = []
    for make in (Network, real_network):
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            found.append(make(GRAPH, (100.0,), (50.0,)))
    return found[0], found[1]


def pixels() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (4, 1, 8, 8), generator=generator, dtype=torch.uint8)


def test_saturated_real_network_is_the_binary_one() -> None:
    """Clipping a huge value is its sign, and the weights' signs are given."""
    binary, real = networks()
    for network in (binary, real):
        for module in network.modules():
            if isinstance(module, BatchNormSign):
                module.weight.data.fill_(1e6)
            if isinstance(module, BinaryConvOperator):
                module.weight.data = binary_sign(module.weight.detach())
    torch.testing.assert_close(real(pixels()), binary(pixels()))


def test_real_network_is_smooth_in_its_weights() -> None:
    binary, real = networks()
    before = [network(pixels()) for network in (binary, real)]
    for network in (binary, real):
        for module in network.modules():
            if isinstance(module, BinaryConvOperator):
                module.weight.data[0] *= 3
    after = [network(pixels()) for network in (binary, real)]
    assert torch.equal(before[0], after[0])
    assert not torch.equal(before[1], after[1])


def test_real_weights_leave_activations_binary() -> None:
    """Weights of one size are signs to the batch norm behind them, which binary inputs need."""
    network, _ = networks()
    before = network(pixels())
    set_real_weights(network, real=True)
    assert not torch.equal(network(pixels()), before)
    for module in network.modules():
        if isinstance(module, BinaryConvOperator):
            module.weight.data = binary_sign(module.weight.detach())
    torch.testing.assert_close(network(pixels()), before)
    set_real_weights(network, real=False)
    assert torch.equal(network(pixels()), before)
