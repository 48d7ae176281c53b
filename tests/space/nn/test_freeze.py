"""Frozen networks compute what was trained."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from space.decode import decode
from space.errors import SpaceError
from space.genotype import Genotype, random_genotype
from space.graph import Value
from space.nn.calibrate import largest_values
from space.nn.freeze import freeze
from space.nn.integer import IntegerNetwork
from space.nn.layers import ImageConvOperator
from space.nn.network import Network
from space.search_space import SearchSpace, Stage
from tests.example_graphs import EXAMPLE_GRAPHS

SPACE = SearchSpace(
    "freezing", image_channels=1, image_size=8, classes=4, stem_kernel_size=3, stem_stride=1,
    stages=(Stage(16, 1), Stage(16, 1)), nodes=2, widths=(0.5, 1.0),
)  # fmt: skip


def noisy_templates(count: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Images of four fixed patterns under strong noise, and which pattern each has."""
    templates = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(99))
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 4, (count,), generator=generator)
    noise = torch.randn(count, 1, 8, 8, generator=generator) * 90
    return (templates[labels] * 255 + noise).round().clamp(0, 255).to(torch.uint8), labels


def trained(genotype: Genotype, *, steps: int) -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Network(decode(genotype), [127.0], [90.0])
    pixels, labels = noisy_templates(64 * steps, seed=1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    for images, answers in zip(pixels.split(64), labels.split(64), strict=True):
        optimizer.zero_grad()
        F.cross_entropy(network(images), answers).backward()
        optimizer.step()
    return network


def test_frozen_network_predicts_as_trained() -> None:
    network = trained(random_genotype(SPACE, np.random.default_rng(3)), steps=60).eval()
    pixels, labels = noisy_templates(1000, seed=2)
    with torch.no_grad():
        real = network(pixels)
    frozen = freeze(network, noisy_templates(200, seed=3)[0])
    integer = IntegerNetwork(frozen).logits(pixels.permute(0, 2, 3, 1))
    accuracies = [float((each.argmax(1) == labels).float().mean()) for each in (real, integer)]
    assert accuracies[0] > 0.8
    assert abs(accuracies[0] - accuracies[1]) < 0.01
    assert float((real.argmax(1) == integer.argmax(1)).float().mean()) > 0.97
    errors = (real - integer * frozen.logit_scale).abs().mean()
    assert float(errors) < 0.1 * float(real.std())


@pytest.mark.parametrize("depths", [(0, 0), (1, 0), (0, 1)])
def test_depth_zero_trains_and_freezes(depths: tuple[int, int]) -> None:
    topologies = random_genotype(SPACE, np.random.default_rng(0)).topologies
    network = trained(Genotype(SPACE, (1.0, 0.5), depths, topologies), steps=40)
    pixels, labels = noisy_templates(500, seed=2)
    integer = IntegerNetwork(freeze(network, pixels)).logits(pixels.permute(0, 2, 3, 1))
    assert float((integer.argmax(1) == labels).float().mean()) > 0.6


def test_values_have_twice_their_calibrated_range() -> None:
    network = trained(random_genotype(SPACE, np.random.default_rng(3)), steps=2)
    pixels, _ = noisy_templates(50, seed=2)
    largest = max(largest_values(network, pixels).values())
    frozen = freeze(network, pixels)
    assert 2**14 < 2 * largest * 2**frozen.real_exponent <= 2**15 - 1
    assert network.training


def test_stem_sums_are_frozen_without_error() -> None:
    network = trained(random_genotype(SPACE, np.random.default_rng(3)), steps=10).double().eval()
    pixels, _ = noisy_templates(20, seed=2)
    frozen = freeze(network, pixels)
    stem = Value("stem", "inner")
    real = network.values(pixels)[stem].detach() * 2**frozen.real_exponent
    integers = IntegerNetwork(frozen).values(pixels.permute(0, 2, 3, 1))[stem]
    # Half an integer of rounding, and what the multiplier's few bits leave.
    assert float((real - integers).abs().max()) < 0.75


def test_classifier_is_frozen_closely() -> None:
    network = trained(random_genotype(SPACE, np.random.default_rng(3)), steps=30).double().eval()
    pixels, _ = noisy_templates(100, seed=2)
    frozen = freeze(network, pixels)
    values = IntegerNetwork(frozen).values(pixels.permute(0, 2, 3, 1))
    sources = [values[value] for value in network.graph.output.inputs.sources]
    with torch.no_grad():
        real = network.head([source.double() * 2.0**-frozen.real_exponent for source in sources])
    integer = values[Value("classifier", "logits")] * frozen.logit_scale
    # What is left is the rounding of weights of up to 127 and of features of thousands.
    assert float((real - integer).abs().max()) < 0.02 * float(real.std())


def test_dead_signs_are_frozen_to_plus_one() -> None:
    graph = EXAMPLE_GRAPHS["cell"]()
    frozen = freeze(Network(graph, [100.0] * 3, [60.0] * 3), torch.randint(0, 256, (4, 3, 9, 9)))
    dead = frozen.blocks["c0.node1"].outer_signs[0]
    assert set(dead.threshold.tolist()) == {-(2**15)}
    assert not dead.flip.any()


def test_unbounded_networks_are_refused() -> None:
    network = trained(random_genotype(SPACE, np.random.default_rng(3)), steps=1)
    with torch.no_grad():
        network.layer("s1r.process").get_parameter("operator.affine.norm.bias").fill_(torch.inf)
    with pytest.raises(SpaceError, match="largest real value on the calibration images is inf"):
        freeze(network, noisy_templates(4, seed=0)[0])


def test_overflowing_gains_are_refused_by_name() -> None:
    network = trained(random_genotype(SPACE, np.random.default_rng(3)), steps=1).eval()
    black = torch.zeros(4, 1, 8, 8)
    stem = network.layer("stem").operator
    assert isinstance(stem, ImageConvOperator)
    assert stem.affine.norm.running_mean is not None
    # On black images the stem is 0 whatever its gain: calibration cannot see what others would do.
    with torch.no_grad():
        stem.affine.norm.running_mean.copy_(stem.total([black])[0, :, 0, 0])
        stem.affine.norm.weight.fill_(1e6)
    with pytest.raises(SpaceError, match=r"stem: a gain of .* need a shift below 4"):
        freeze(network, black)
