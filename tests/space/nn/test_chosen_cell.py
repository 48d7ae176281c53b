"""A network chosen in the supernet computes what one-hot probabilities give, and no more."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from space.decisions import Choices, decisions
from space.genotype import choices_of, random_genotype
from space.nn.architecture import straight_through
from space.nn.supernet import Supernet
from space.search_space import SearchSpace, Stage
from tests.example_spaces import BARE_SPACES, EXAMPLE_SPACES, SMALL, TINY
from tests.space.nn.test_supernet import pixels_of, supernet_of

LABELS = torch.tensor([0, 1, 2, 0, 1])
SPACES = {
    "node-form": SMALL,
    "edge-form": replace(SMALL, form="edge"),
    "one-stem": replace(SMALL, stem_blocks=1, sharing="kind"),
    "stem-per-tensor": replace(SMALL, stem_blocks=3),
    "one-stage": EXAMPLE_SPACES["node-cell-1-one-stage"],
    "convs-alone": replace(SMALL, primitives=("bconv3x3",), activation="relu"),
} | BARE_SPACES


def some_choices(space: SearchSpace) -> Iterator[Choices]:
    rng = np.random.default_rng(0)
    options = decisions(space)
    yield dict.fromkeys(options, 0)  # No cells; where a space has `none`, no edges.
    yield {name: len(values) - 1 for name, values in options.items()}
    for _ in range(3):
        # Independent of each other: some nodes are not connected.
        yield {name: int(rng.integers(len(values))) for name, values in options.items()}


def one_hot(space: SearchSpace, choices: Choices) -> dict[str, Tensor]:
    probabilities = {
        name: torch.full((len(values),), 1 / len(values), dtype=torch.float64, requires_grad=True)
        for name, values in decisions(space).items()
    }
    return probabilities | straight_through(probabilities, choices)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_chosen_network_is_the_one_hot_mixture(space: SearchSpace, training: bool) -> None:
    supernet = supernet_of(space).train(training)
    pixels = pixels_of(space)
    for choices in some_choices(space):
        mixture = one_hot(space, choices)
        state = {name: each.clone() for name, each in supernet.state_dict().items()}
        with torch.no_grad():
            expected = supernet(pixels, mixture)
            for factors in (None, mixture):
                supernet.load_state_dict(state)
                found = supernet.chosen(pixels, choices, factors)
                torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_chosen_network_has_the_mixtures_gradients(space: SearchSpace) -> None:
    supernet = supernet_of(space)
    choices = choices_of(random_genotype(space, np.random.default_rng(0)))
    expected = gradients(supernet, supernet(pixels_of(space), one_hot(space, choices)))
    for mixture in (None, one_hot(space, choices)):
        found = gradients(supernet, supernet.chosen(pixels_of(space), choices, mixture))
        for name, gradient in expected.items():
            torch.testing.assert_close(found[name], gradient, rtol=1e-7, atol=1e-9, msg=name)


def gradients(supernet: Supernet, logits: Tensor) -> dict[str, Tensor]:
    named = dict(supernet.named_parameters())
    loss = F.cross_entropy(logits, LABELS)
    found = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    return {
        name: torch.zeros_like(parameter) if gradient is None else gradient
        for (name, parameter), gradient in zip(named.items(), found, strict=True)
    }


def test_chosen_options_have_the_mixtures_gradients() -> None:
    supernet = supernet_of(SMALL)
    choices = choices_of(random_genotype(SMALL, np.random.default_rng(0)))
    found = []
    for chosen in (False, True):
        mixture = one_hot(SMALL, choices)
        pixels = pixels_of(SMALL)
        logits = supernet.chosen(pixels, choices, mixture) if chosen else supernet(pixels, mixture)
        gradient = torch.autograd.grad(
            F.cross_entropy(logits, LABELS), list(mixture.values()), allow_unused=True
        )
        found.append({
            name: each[choices[name]]
            for name, each in zip(mixture, gradient, strict=True) if each is not None
        })  # fmt: skip
    expected, own = found
    # Of cells beyond the chosen depth nothing is computed.
    assert own.keys() < expected.keys()
    assert {name.split("/")[0] for name in own} == {"op", "width", "depth"}
    for name, each in own.items():
        torch.testing.assert_close(each, expected[name], rtol=1e-7, atol=1e-9, msg=name)
    assert all(float(expected[name]) == 0 for name in expected.keys() - own.keys())


def test_unchosen_parts_keep_their_statistics() -> None:
    space = replace(TINY, stages=(Stage(16, 2),))
    supernet = supernet_of(space)
    before = {name: each.clone() for name, each in supernet.state_dict().items()}
    half = dict.fromkeys(decisions(space), 1) | {"width/0": 0}
    supernet.chosen(pixels_of(space), half)
    after = supernet.state_dict()
    moved = {name for name in after if not torch.equal(before[name], after[name])}
    read = ("cells.s0c0.process", "cells.s0c0.input_signs.0", "stems.0", "head.norm")
    assert {name.removesuffix(".running_mean") for name in moved if "mean" in name} == {
        *(f"{name}.affine.norm" for name in (read[0], read[2])), read[1], read[3],
    }  # fmt: skip
    for name in moved:
        difference = (before[name] != after[name]).unflatten(-1, (-1, 16))
        assert difference.any(0).tolist() == [True] * 8 + [False] * 8
