"""Real values where a network is binary: to learn from, and to start a training with."""

from collections.abc import Sequence

from torch import nn

from space.graph import BlockGraph

from .binarize import BatchNormSign
from .layers import BinaryConvOperator
from .network import Network


def real_network(
    graph: BlockGraph, pixel_mean: Sequence[float], pixel_std: Sequence[float]
) -> Network:
    """The network of a graph whose binary convolutions have real weights and activations.

    Where the binary network takes signs, it clips to [-1, 1]: the function whose gradient the
    binary network's signs pass on.
    """
    network = Network(graph, pixel_mean, pixel_std)
    for module in network.modules():
        if isinstance(module, BinaryConvOperator | BatchNormSign):
            module.is_real = True
    return network


def set_real_weights(network: nn.Module, *, real: bool) -> None:
    """Have binary convolutions take their weights as they are, or their signs again.

    Activations are binary either way. The tensors of the network stay the same.
    """
    for module in network.modules():
        if isinstance(module, BinaryConvOperator):
            module.is_real = real
