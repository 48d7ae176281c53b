"""The real-valued counterpart of a network: the same graph, for a binary one to learn from."""

from collections.abc import Sequence

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
