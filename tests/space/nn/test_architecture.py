"""Probabilities of decisions."""

import math

import pytest
import torch

from space.decisions import decisions, depth_decision, is_connected, op_decision
from space.nn.architecture import Architecture, Mode, connected_choices, straight_through
from tests.example_spaces import SMALL, TINY


def architecture() -> Architecture:
    return Architecture(SMALL, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("mode", ["softmax", "gumbel", "sigmoid", "uniform", "random"])
def test_each_decision_is_normalised_alone(mode: Mode) -> None:
    found = architecture().probabilities(0.7, mode, torch.Generator().manual_seed(1))
    assert {name: len(vector) for name, vector in found.items()} == {
        name: len(options) for name, options in decisions(SMALL).items()
    }
    for vector in found.values():
        torch.testing.assert_close(vector.sum(), torch.tensor(1.0))


@pytest.mark.parametrize("mode", ["softmax", "gumbel", "sigmoid", "uniform", "random"])
def test_kept_decisions_are_certain_and_learn_nothing(mode: Mode) -> None:
    kept = {depth_decision(0): 1, op_decision("s0c0", 1, 0): 3}
    parameters = Architecture(SMALL, torch.Generator().manual_seed(0), kept=kept)
    found = parameters.probabilities(0.7, mode, torch.Generator().manual_seed(1))
    assert list(found) == list(decisions(SMALL))
    assert found[depth_decision(0)].tolist() == [0, 1, 0]
    assert found[op_decision("s0c0", 1, 0)].tolist() == [0, 0, 0, 1]
    assert set(parameters.logits) == set(decisions(SMALL)) - set(kept)
    assert connected_choices(SMALL, found).items() >= kept.items()


def test_depths_of_two_stages_do_not_compete() -> None:
    parameters = architecture()
    before = parameters.probabilities(1.0)
    with torch.no_grad():
        parameters.logits[depth_decision(0)].copy_(torch.tensor([5.0, 0.0, 0.0]))
    after = parameters.probabilities(1.0)
    assert float(after[depth_decision(0)][0].detach()) > 0.9
    assert torch.equal(after[depth_decision(2)], before[depth_decision(2)])


def test_logits_start_near_uniform() -> None:
    for vector in architecture().probabilities(1.0).values():
        torch.testing.assert_close(
            vector, torch.full_like(vector, 1 / len(vector)), rtol=0.01, atol=0
        )


def test_temperature_sharpens() -> None:
    parameters = architecture()
    name = depth_decision(0)
    with torch.no_grad():
        parameters.logits[name].copy_(torch.tensor([2.0, 1.0, 0.0]).log1p())
    # exp(log(3) / 0.5) : exp(log(2) / 0.5) : 1 = 9 : 4 : 1.
    expected = torch.tensor([9.0, 4.0, 1.0]) / 14
    torch.testing.assert_close(parameters.probabilities(0.5)[name], expected)


def test_sigmoids_share_their_sum() -> None:
    """Options of logits log 3 and 0 have sigmoids 3/4 and 1/2: the third option changes neither."""
    parameters = architecture()
    name = depth_decision(0)
    with torch.no_grad():
        parameters.logits[name].copy_(torch.tensor([math.log(3), 0.0, -40.0]))
    expected = torch.tensor([0.75, 0.5, 0.0]) / 1.25
    torch.testing.assert_close(parameters.probabilities(1.0, "sigmoid")[name], expected)


def test_gumbel_noise_comes_from_the_generator() -> None:
    parameters = architecture()
    name = depth_decision(0)
    found = [
        parameters.probabilities(1.0, "gumbel", torch.Generator().manual_seed(seed))[name]
        for seed in (1, 1, 2)
    ]
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_gumbel_samples_follow_the_softmax() -> None:
    parameters = architecture()
    name = depth_decision(0)
    with torch.no_grad():
        parameters.logits[name].copy_(torch.tensor([0.6, 0.3, 0.1]).log())
    generator = torch.Generator().manual_seed(0)
    picks = [
        int(parameters.probabilities(1.0, "gumbel", generator)[name].argmax()) for _ in range(400)
    ]
    # 400 draws at 0.6: a standard deviation of 0.025.
    assert picks.count(0) / 400 == pytest.approx(0.6, abs=0.08)


def test_uniform_has_no_gradient() -> None:
    assert not any(
        each.requires_grad for each in architecture().probabilities(1, "uniform").values()
    )


def test_random_samples_ignore_the_logits() -> None:
    parameters = architecture()
    name = depth_decision(0)
    with torch.no_grad():
        parameters.logits[name].copy_(torch.tensor([9.0, 0.0, 0.0]))
    generator = torch.Generator().manual_seed(0)
    picks = [
        int(parameters.probabilities(1.0, "random", generator)[name].argmax()) for _ in range(300)
    ]
    # 300 draws at 1/3: a standard deviation of 0.027.
    assert picks.count(0) / 300 == pytest.approx(1 / 3, abs=0.08)


def test_choices_are_the_most_probable_options_that_connect() -> None:
    # Options: none, skip, bconv3x3. Node 1 has one edge: the better of its other options. Of
    # node 2's, the second edge is nearer to another option than the first one.
    probabilities = Architecture(TINY).probabilities(1.0) | {
        depth_decision(0): torch.tensor([0.4, 0.6]),
        op_decision("s0c0", 1, 0): torch.tensor([0.9, 0.02, 0.08]),
        op_decision("s0c0", 2, 0): torch.tensor([0.8, 0.1, 0.1]),
        op_decision("s0c0", 2, 1): torch.tensor([0.5, 0.4, 0.1]),
    }
    found = connected_choices(TINY, probabilities)
    assert found[depth_decision(0)] == 1
    assert [found[op_decision("s0c0", *edge)] for edge in ((1, 0), (2, 0), (2, 1))] == [2, 0, 1]
    assert is_connected(decisions(TINY), found)


def test_choices_pass_the_gradient_of_probabilities() -> None:
    logits = torch.tensor([0.0, 1.0, 3.0], requires_grad=True)
    soft = torch.softmax(logits, 0)
    mixed = straight_through({"depth": soft}, {"depth": 1})["depth"]
    assert mixed.tolist() == [0.0, 1.0, 0.0]
    factors = torch.tensor([0.0, 5.0, 0.0])
    (expected,) = torch.autograd.grad(soft @ factors, logits, retain_graph=True)
    (found,) = torch.autograd.grad(mixed @ factors, logits)
    torch.testing.assert_close(found, expected)
