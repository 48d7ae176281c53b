"""Graphs as modules."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from space.blocks import BinaryConv, is_sign
from space.errors import SpaceError
from space.graph import BlockGraph, Value
from space.nn.layers import BinaryConvOperator
from space.nn.network import Network, dead_after, live_values
from tests.example_graphs import EXAMPLE_GRAPHS

Build = Callable[[], BlockGraph]
every_graph = pytest.mark.parametrize("build", EXAMPLE_GRAPHS.values(), ids=EXAMPLE_GRAPHS)


def network_of(graph: BlockGraph) -> Network:
    return Network(graph, [100.0] * graph.image_channels, [60.0] * graph.image_channels)


def pixels_of(graph: BlockGraph, *, images: int = 4) -> Tensor:
    shape = (images, graph.image_channels, graph.image_size, graph.image_size)
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


@every_graph
def test_every_parameter_of_a_graph_learns(build: Build) -> None:
    graph = build()
    network = network_of(graph)
    logits = network(pixels_of(graph))
    assert logits.shape == (4, graph.classes)
    F.cross_entropy(logits, torch.zeros(4, dtype=torch.long)).backward()
    assert [name for name, each in network.named_parameters() if each.grad is None] == []


@every_graph
def test_binary_convs_read_signs_alone(build: Build) -> None:
    graph = build()
    network = network_of(graph).double()
    values = network.values(pixels_of(graph))
    for node in graph:
        if not isinstance(node.block, BinaryConv):
            continue
        bits = torch.cat([values[value] for value in node.inputs.sources], dim=1)
        assert set(bits.unique().tolist()) <= {0.0, 1.0}
        operator = network.layer(node.name).operator
        assert isinstance(operator, BinaryConvOperator)
        # The same sums of +-1 padded with +1, and weights of +-1: no third value anywhere.
        signs = F.pad(1 - 2 * bits, (node.block.kernel_size // 2,) * 4, value=1.0)
        weights = torch.where(operator.weight < 0, -1.0, 1.0).double()
        expected = F.conv2d(signs, weights, stride=node.block.stride)
        assert torch.equal(operator.total([bits]), expected)


@every_graph
def test_values_have_the_shapes_of_the_graph(build: Build) -> None:
    graph = build()
    for value, tensor in network_of(graph).values(pixels_of(graph)).items():
        block = graph.node(value.node).block
        pixels = () if value.port == "logits" else (block.out_size, block.out_size)
        assert tensor.shape == (4, block.out_channels, *pixels)


@every_graph
def test_forward_gives_the_logits_among_all_values(build: Build) -> None:
    graph = build()
    network = network_of(graph).eval()
    pixels = pixels_of(graph)
    logits = network.values(pixels)[Value(graph.output.name, "logits")]
    assert torch.equal(network(pixels), logits)


@every_graph
def test_values_die_with_their_last_reader(build: Build) -> None:
    graph = build()
    dead = dead_after(graph)
    freed = [value for values in dead.values() for value in values]
    assert len(freed) == len(set(freed))
    assert live_values(graph) <= set(freed)
    order = {node.name: index for index, node in enumerate(graph)}
    for node in graph:
        for value in node.inputs.values:
            assert any(value in dead[name] for name in dead if order[name] >= order[node.name])


@every_graph
def test_dead_signs_have_no_parameters(build: Build) -> None:
    graph = build()
    network = network_of(graph)
    live = {value for value in live_values(graph) if is_sign(value.port)}
    signs = {
        Value(node.name, port)
        for node in graph
        if node != graph.output
        for port in network.layer(node.name).signs
    }
    assert signs == live


@every_graph
def test_feature_maps_stay_in_the_fast_layout(build: Build) -> None:
    graph = build()
    for value, tensor in network_of(graph).values(pixels_of(graph)).items():
        if value.port != "logits":
            assert tensor.is_contiguous(memory_format=torch.channels_last), value


def test_shortcuts_around_a_conv_add_their_source() -> None:
    graph = EXAMPLE_GRAPHS["cell"]()
    network = network_of(graph).eval()
    operator = network.layer("c0.node1").operator
    assert isinstance(operator, BinaryConvOperator)
    nn.init.zeros_(operator.affine.norm.weight)
    values = network.values(pixels_of(graph))
    # Without the convolution, node 1 is its source; its outer value adds that once more.
    source = values[Value("c0.process", "inner")]
    assert torch.equal(values[Value("c0.node1", "inner")], source)
    assert torch.equal(values[Value("c0.node1", "outer")], source * 2)


@every_graph
def test_mixed_precision_is_for_binary_convs_alone(build: Build) -> None:
    graph = build()
    network = network_of(graph)
    exact = network.eval().values(pixels_of(graph))
    with torch.autocast("cpu", torch.bfloat16):
        found = network.values(pixels_of(graph))
    # These graphs' binary sums are below 512, where bfloat16 is exact; real ones would be rounded.
    assert all(tensor.dtype == torch.float32 for tensor in found.values())
    torch.testing.assert_close(found, exact)


def test_uint8_and_float_pixels_are_the_same() -> None:
    graph = EXAMPLE_GRAPHS["cell"]()
    network = network_of(graph).eval()
    pixels = pixels_of(graph)
    assert torch.equal(network(pixels), network(pixels.float()))


@pytest.mark.parametrize(("mean", "std"), [([1.0], [1.0]), ([1.0] * 3, [1.0, 0.0, 1.0])])
def test_wrong_pixel_statistics_are_refused(mean: list[float], std: list[float]) -> None:
    with pytest.raises(SpaceError, match="above 0 for each of 3 image channels"):
        Network(EXAMPLE_GRAPHS["cell"](), mean, std)
