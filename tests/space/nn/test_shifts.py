"""Learned shifts before signs and around PReLUs are batch norms' biases already.

RSign and RPReLU (ReActNet, arXiv 2003.03488) are sign(x - shift) and PReLU(x - shift) + shift, per
channel. Networks that have them besides compute the same logits, and their shifts' gradients are 0.
In float64, since a sign amplifies the last bit.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from space.decode import decode
from space.genotype import choices_of, random_genotype
from space.graph import BlockGraph
from space.nn.architecture import Architecture
from space.nn.binarize import BatchNormSign
from space.nn.layers import NormActivation
from space.nn.network import Network
from space.nn.supernet import Supernet
from space.references import REFERENCES
from space.search_space import SearchSpace
from tests.example_graphs import EXAMPLE_GRAPHS
from tests.example_spaces import EXAMPLE_SPACES

SPACES = ("node-cell-1-three-stages", "edge-stage-3-three-stages", "no-shortcuts")
STATISTICS = (100.0,), (50.0,)


class Shift(nn.Module):
    """x + a number per channel; x may have the first channels alone."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.randn(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.shift[: x.shape[1]].view(1, -1, 1, 1)


class ShiftedSign(BatchNormSign):
    """RSign where BatchNormSign is."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.before = Shift(channels)

    def bits(self, x: Tensor) -> Tensor:
        return super().bits(self.before(x))


def references() -> dict[str, Callable[[], BlockGraph]]:
    """All of them, small; reactnet and quicknet halve odd sizes by max pools."""
    return {
        name: partial(build, 1, 14, 3, channels=8, stages=3) for name, build in REFERENCES.items()
    }


def graphs() -> dict[str, Callable[[], BlockGraph]]:
    """References, awkward pools (a max pool that fills with zeros), and networks of spaces."""
    spaces = {name: partial(space_network, EXAMPLE_SPACES[name]) for name in SPACES}
    examples = {name: EXAMPLE_GRAPHS[name] for name in ("cell", "reduction")}
    return spaces | references() | examples


def space_network(space: SearchSpace) -> BlockGraph:
    return decode(random_genotype(space, np.random.default_rng(0)))


def with_random_norms(model: nn.Module) -> nn.Module:
    """In float64, with biases at which no normalised value is a tie."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
    return model.double().train()


def with_shifts(model: nn.Module) -> list[nn.Parameter]:
    """Put a shift before every sign and behind every activation, and return them."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, BatchNormSign):
                shifted = ShiftedSign(child.num_features).double()
                shifted.load_state_dict(child.state_dict(), strict=False)
                module.add_module(name, shifted)
        if isinstance(module, NormActivation):
            behind = Shift(module.norm.num_features).double()
            module.activation = nn.Sequential(module.activation, behind)
    return [module.shift for module in model.modules() if isinstance(module, Shift)]


def images(channels: int, size: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (8, channels, size, size), generator=generator)
    return pixels.double(), torch.arange(8) % 3


def require_no_effect(model: nn.Module, logits: Callable[[], Tensor], labels: Tensor) -> None:
    """Shifts change no logit, and learn nothing where the rest does."""
    before = logits()
    shifts = with_shifts(model)
    after = logits()
    torch.testing.assert_close(after, before, rtol=1e-7, atol=1e-9)
    F.cross_entropy(after, labels).backward()
    learned = [each.shift.grad for each in model.modules() if isinstance(each, Shift)]
    assert len(learned) == len(shifts) > 5
    largest = max(float(each.abs().max()) for each in learned if each is not None)
    others = [each.grad for each in model.parameters() if each.grad is not None]
    assert largest < 1e-10
    assert max(float(each.abs().max()) for each in others) > 1e-3


@pytest.mark.parametrize("name", graphs())
def test_networks_have_learned_shifts_already(name: str) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        graph = graphs()[name]()
        channels, size = graph.image_channels, graph.image_size
        mean, std = ((each[0],) * channels for each in STATISTICS)
        network = with_random_norms(Network(graph, mean, std))
        pixels, labels = images(channels, size)
        require_no_effect(network, lambda: network(pixels), labels % graph.classes)


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("chosen", [False, True])
def test_supernets_have_learned_shifts_already(name: str, *, chosen: bool) -> None:
    """Mixed, with masks of widths, and one narrow network alone."""
    space = EXAMPLE_SPACES[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        supernet = Supernet(space, *STATISTICS)
        with_random_norms(supernet)
        mixture = Architecture(space).probabilities(1.0, "random")
        choices = choices_of(random_genotype(space, np.random.default_rng(0))) | {
            "width/0": 0, "width/2": 0, "depth/0": 1,
        }  # fmt: skip
        pixels, labels = images(1, space.image_size)

        def logits() -> Tensor:
            if chosen:
                return supernet.chosen(pixels, choices)
            found: Tensor = supernet(pixels, mixture)
            return found

        require_no_effect(supernet, logits, labels)


def test_shift_before_a_prelu_is_the_norms_bias() -> None:
    """PReLU(norm(x) - shift): the same function and, but for the sign, the same gradient."""
    torch.manual_seed(0)
    affine = NormActivation("prelu", 4).double()
    x, shift = torch.randn(8, 4, 3, 3).double(), torch.randn(4).double().requires_grad_()
    expected = affine.activation(affine.norm(x) - shift.view(1, -1, 1, 1))
    (into_shift,) = torch.autograd.grad((expected**2).sum(), [shift])
    affine.norm.bias.data -= shift.detach()
    found = affine(x)
    (into_bias,) = torch.autograd.grad((found**2).sum(), [affine.norm.bias])
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(into_bias, -into_shift)


@pytest.mark.parametrize("name", ["real-convs", "pooled"])
def test_padded_real_convolutions_see_shifts(name: str) -> None:
    """The exception: a padding of 0 is not shifted. No reference and no space has such a block."""
    torch.manual_seed(0)
    graph = EXAMPLE_GRAPHS[name]()
    statistics = tuple((each[0],) * graph.image_channels for each in STATISTICS)
    network = with_random_norms(Network(graph, *statistics))
    pixels, _ = images(graph.image_channels, graph.image_size)
    before = network(pixels)
    with_shifts(network)
    assert float((network(pixels) - before).detach().abs().max()) > 1e-3
