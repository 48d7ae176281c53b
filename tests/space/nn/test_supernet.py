"""The supernet equals each of its networks, and reads nothing that they do not have."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from space.decisions import decisions, depth_decision, op_decision, width_decision
from space.genotype import Genotype, choices_of, random_genotype
from space.nn.architecture import Architecture
from space.nn.binarize import BatchNormSign
from space.nn.layers import ClassifierOperator, ImageConvOperator, PReLU
from space.nn.mixed_cell import MixedConv
from space.nn.network import Network
from space.nn.supernet import Supernet
from space.search_space import SearchSpace, Stage
from tests.example_spaces import EXAMPLE_SPACES, SMALL, TINY

SPACES = EXAMPLE_SPACES | {
    "skips-alone": replace(SMALL, primitives=("none", "skip"), activation="none"),
    "two-kernels": replace(SMALL, primitives=("bconv3x3", "bconv5x5"), activation="relu"),
    "one-node": replace(SMALL, nodes=1, primitives=("skip", "bconv3x3")),
    "colours": replace(SMALL, image_channels=3, stages=(Stage(16, 1), Stage(24, 1)), widths=(1.0,)),
}


def supernet_of(space: SearchSpace) -> Supernet:
    """A supernet in float64 whose norms, slopes and statistics are all different."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        channels = space.image_channels
        supernet = Supernet(space, [120.0] * channels, [60.0] * channels).double()
        for module in supernet.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                nn.init.normal_(module.weight, 1.0, 0.5)
                nn.init.normal_(module.bias, 0.0, 0.5)
                assert module.running_mean is not None
                assert module.running_var is not None
                nn.init.normal_(module.running_mean)
                nn.init.uniform_(module.running_var, 0.5, 2.0)
            if isinstance(module, PReLU):
                nn.init.normal_(module.slopes, 0.25, 0.2)
    return supernet


def one_hot(genotype: Genotype) -> dict[str, Tensor]:
    choices = choices_of(genotype)
    return {
        name: F.one_hot(torch.tensor(choices[name]), len(options)).double()
        for name, options in decisions(genotype.space).items()
    }


def pixels_of(space: SearchSpace) -> Tensor:
    shape = (5, space.image_channels, space.image_size, space.image_size)
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(1))


def some_genotypes(space: SearchSpace) -> Iterator[Genotype]:
    rng = np.random.default_rng(0)
    stages = len(space.stages)
    yield replace(random_genotype(space, rng), depths=(0,) * stages)
    for width in space.widths:
        yield replace(random_genotype(space, rng), widths=(width,) * stages)
    yield random_genotype(space, rng)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_one_hot_supernet_is_the_discrete_network(space: SearchSpace, training: bool) -> None:
    supernet = supernet_of(space).train(training)
    pixels = pixels_of(space)
    for genotype in some_genotypes(space):
        network = supernet.network_for(genotype)
        assert network.training == training
        with torch.no_grad():
            expected = network(pixels)
            found = supernet(pixels, one_hot(genotype))
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_mixed_precision_gives_nearly_the_same_logits() -> None:
    supernet = supernet_of(SMALL).float().eval()
    chosen = one_hot(random_genotype(SMALL, np.random.default_rng(0)))
    probabilities = {name: vector.float() for name, vector in chosen.items()}
    with torch.no_grad():
        exact = supernet(pixels_of(SMALL), probabilities)
        with torch.autocast("cpu", torch.bfloat16):
            found = supernet(pixels_of(SMALL), probabilities)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, exact, rtol=1e-3, atol=1e-3)


def test_networks_own_their_weights() -> None:
    supernet = supernet_of(SMALL)
    genotype = random_genotype(SMALL, np.random.default_rng(0))
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    network = supernet.network_for(genotype)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(before[name], tensor) for name, tensor in supernet.state_dict().items())


def scramble_masked(supernet: Supernet) -> None:
    """Give all channels of the upper half other weights, wherever there are any."""
    with torch.no_grad():
        for module in supernet.modules():
            match module:
                case ImageConvOperator():
                    _scramble(module.weight, 0)
                case MixedConv():
                    _scramble(module.weight, 0)
                    _scramble(module.weight.unflatten(1, (-1, module.in_channels)), 2)
                case ClassifierOperator():
                    tensors = supernet.space.nodes
                    for each in (module.dense.weight, module.norm.weight, module.norm.bias):
                        _scramble(each.unflatten(-1, (tensors, -1)), -1)
                case BatchNormSign() | nn.BatchNorm2d():
                    _scramble(module.weight, 0)
                    _scramble(module.bias, 0)
                case PReLU():
                    _scramble(module.slopes, 0)


def _scramble(tensor: Tensor, axis: int) -> None:
    half = tensor.shape[axis] // 2
    tensor.narrow(axis, half, half).normal_(0, 5)


@pytest.mark.parametrize("form", ["node", "edge"])
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_masked_channels_leak_nowhere(form: str, training: bool) -> None:
    space = EXAMPLE_SPACES[f"{form}-cell-3-three-stages"]
    supernet = supernet_of(space).train(training)
    genotype = random_genotype(space, np.random.default_rng(0))
    halves = one_hot(replace(genotype, widths=(0.5,) * len(space.stages)))
    pixels = pixels_of(space)
    with torch.no_grad():
        state = {name: each.clone() for name, each in supernet.state_dict().items()}
        before = supernet(pixels, halves)
        supernet.load_state_dict(state)
        scramble_masked(supernet)
        after = supernet(pixels, halves)
        full = supernet(pixels, one_hot(replace(genotype, widths=(1.0,) * len(space.stages))))
    torch.testing.assert_close(after, before, rtol=1e-10, atol=1e-10)
    assert not torch.allclose(full, before)


def test_every_parameter_and_decision_learns() -> None:
    for space in (SMALL, replace(SMALL, form="edge")):
        supernet = Supernet(space, [120.0], [60.0])
        architecture = Architecture(space)
        logits = supernet(pixels_of(space), architecture.probabilities(1.0))
        F.cross_entropy(logits, torch.tensor([0, 1, 2, 0, 1])).backward()
        learned = [*supernet.named_parameters(), *architecture.named_parameters()]
        without = {name for name, each in learned if each.grad is None}
        # A stage without normal cells has one depth: nothing to learn.
        assert without == {"logits.depth/1"}
        assert all(bool(each.grad.isfinite().all()) for _, each in learned if each.grad is not None)
        for name in (width_decision(0), depth_decision(0), op_decision("s0c0", 1, 0)):
            gradient = architecture.logits[name].grad
            assert gradient is not None
            assert 1e-8 < float(gradient.abs().max()) < 1.0


def test_width_gradient_is_the_slope_of_the_loss() -> None:
    # Stem and classifier alone: nothing is binary, so the gradient must be exact.
    space = replace(TINY, stages=(Stage(16, 0),))
    supernet = supernet_of(space).eval()
    probabilities = one_hot(random_genotype(space, np.random.default_rng(0)))
    pixels, labels = pixels_of(space), torch.tensor([0, 1, 2, 0, 1])

    def loss(share: Tensor) -> Tensor:
        widths = torch.stack([1 - share, share])
        logits = supernet(pixels, probabilities | {width_decision(0): widths})
        return F.cross_entropy(logits, labels)

    share = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(loss, (share,))


def test_probabilities_are_used_as_they_are() -> None:
    # A skip alone, in evaluation mode: the node is its probability times x_0, so that doubling it
    # doubles what it adds; a softmax inside would not.
    space = replace(TINY, primitives=("none", "skip"), stages=(Stage(16, 1),), activation="none")
    supernet = supernet_of(space).eval()
    base = one_hot(random_genotype(space, np.random.default_rng(0)))
    base |= {depth_decision(0): torch.tensor([0.0, 1.0], dtype=torch.float64)}
    edges = [name for name in base if name.startswith("op/")]

    def logits(skip: float) -> Tensor:
        ops = torch.tensor([1 - skip, skip], dtype=torch.float64)
        nothing = torch.tensor([1.0, 0.0], dtype=torch.float64)
        found: Tensor = supernet(
            pixels_of(space), base | dict.fromkeys(edges, nothing) | {edges[0]: ops}
        )
        return found

    with torch.no_grad():
        none, quarter, half = logits(0.0), logits(0.25), logits(0.5)
    torch.testing.assert_close(half - none, 2 * (quarter - none))
    assert not torch.allclose(quarter, none)


def test_depth_mixes_what_a_stage_passes_on() -> None:
    # The classifier of the last stage is linear in what it reads: logits mix as depths do.
    space = replace(TINY, stages=(Stage(16, 2),), stem_blocks=2)
    supernet = supernet_of(space).eval()
    probabilities = one_hot(random_genotype(space, np.random.default_rng(0)))

    def logits(*depths: float) -> Tensor:
        vector = torch.tensor(depths, dtype=torch.float64)
        found: Tensor = supernet(pixels_of(space), probabilities | {depth_decision(0): vector})
        return found

    with torch.no_grad():
        ends = [logits(1, 0, 0), logits(0, 1, 0), logits(0, 0, 1)]
        mixed = logits(0.2, 0.3, 0.5)
    torch.testing.assert_close(mixed, 0.2 * ends[0] + 0.3 * ends[1] + 0.5 * ends[2])


def test_half_a_skip_edge_is_half_its_source() -> None:
    space = replace(TINY, nodes=1)
    cell = supernet_of(space).cell("s0c0")
    x = torch.randn(2, 16, 4, 4, dtype=torch.float64)
    ops = torch.tensor([[0.5, 0.5, 0.0]], dtype=torch.float64)
    bits = [cell.inner_bits(0, x)]
    node = cell.node(1)([x], bits, ops, torch.ones(16, dtype=torch.float64))
    # No conv edge: not even the bias of its batch norm is left.
    torch.testing.assert_close(node, x / 2)


def test_conv_edge_adds_its_source() -> None:
    space = replace(TINY, nodes=1)
    cell = supernet_of(space).cell("s0c0")
    for parameter in cell.node(1).parameters():
        nn.init.zeros_(parameter)
    x = torch.randn(2, 16, 4, 4, dtype=torch.float64)
    ops = torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64)
    bits = [cell.inner_bits(0, x)]
    node = cell.node(1)([x], bits, ops, torch.ones(16, dtype=torch.float64))
    torch.testing.assert_close(node, x)


def test_depth_zero_trains() -> None:
    space = replace(SMALL, stages=(Stage(16, 0), Stage(16, 0)))
    network = supernet_of(space).network_for(random_genotype(space, np.random.default_rng(0)))
    assert isinstance(network, Network)
    pixels, labels = pixels_of(space), torch.tensor([0, 1, 2, 0, 1])
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(pixels), labels)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
