"""Expected cost: exact for networks, in expectation and in its gradient."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from costmodels.choices_budget import SurrogateTerm
from space.blocks import Epilogue, Sum
from space.cost_terms import CostTerm, Event, cost_terms
from space.counts import counts, total_counts
from space.decisions import decisions
from space.decode import decode
from space.genotype import choices_of, random_genotype
from space.nn.architecture import Architecture
from space.nn.expected_cost import ExpectedCost
from space.search_space import SearchSpace
from tests.costmodels.test_selection import all_choices
from tests.example_spaces import EXAMPLE_SPACES, SMALL, TINY

BLOCK = Sum(1, 1, Epilogue(shortcuts=1))


def term(**options: set[int]) -> CostTerm:
    return CostTerm(BLOCK, tuple(Event(name, frozenset(each)) for name, each in options.items()))


def test_expectation_is_worked_out_by_hand() -> None:
    terms = [term(), term(a={0}), term(a={1}, b={0, 2}), term(b={1})]
    expected = ExpectedCost(terms, {"a": (0, 1), "b": (0, 1, 2)}, [100, 10, 1000, 1])
    probabilities = {"a": torch.tensor([0.25, 0.75]), "b": torch.tensor([0.5, 0.3, 0.2])}
    # 100 + 0.25 x 10 + 0.75 x 0.7 x 1000 + 0.3 x 1.
    torch.testing.assert_close(
        expected(probabilities), torch.tensor(627.8, dtype=torch.float64), rtol=1e-6, atol=0
    )


def test_terms_without_choices_are_certain() -> None:
    assert float(ExpectedCost([term()], {"a": (0, 1)}, [3])({"a": torch.tensor([0.5, 0.5])})) == 3


@pytest.mark.parametrize("name", ["node-cell-1-three-stages", "edge-kind-3-one-stage"])
def test_one_hot_cost_is_the_network_cost(name: str) -> None:
    space = EXAMPLE_SPACES[name]
    terms = cost_terms(space)
    expected = ExpectedCost(terms, decisions(space), [counts(each.block).ops for each in terms])
    rng = np.random.default_rng(0)
    for _ in range(5):
        genotype = random_genotype(space, rng)
        choices = choices_of(genotype)
        one_hot = {
            each: F.one_hot(torch.tensor(choices[each]), len(options))
            for each, options in decisions(space).items()
        }
        assert float(expected(one_hot)) == total_counts(decode(genotype).blocks).ops


@pytest.mark.parametrize("space", [TINY, replace(TINY, form="edge")])
def test_expectation_is_the_mean_over_networks(space: SearchSpace) -> None:
    """No network has a node that nothing leads to: of blocks, and of single options' costs."""
    options, terms = decisions(space), cost_terms(space)
    blocks = [float(counts(each.block).ops) for each in terms]
    singles = [
        SurrogateTerm((Event(name, frozenset({option})),), 3.0 * option + len(name))
        for name, values in options.items()
        for option in range(len(values))
    ]
    rng = np.random.default_rng(0)
    probabilities = {
        name: torch.tensor(rng.dirichlet([1.0] * len(values))) for name, values in options.items()
    }
    total, of_blocks, of_singles = 0.0, 0.0, 0.0
    for choices in all_choices(options):
        share = math.prod(float(probabilities[name][each]) for name, each in choices.items())
        total += share
        of_blocks += share * sum(
            cost for term, cost in zip(terms, blocks, strict=True) if term.holds(choices)
        )
        of_singles += share * sum(
            each.cost for each in singles if all(event.holds(choices) for event in each.events)
        )
    assert total < 1
    found = ExpectedCost(terms, options, blocks)(probabilities)
    assert float(found) == pytest.approx(of_blocks / total)
    found = ExpectedCost(singles, options, [each.cost for each in singles])(probabilities)
    assert float(found) == pytest.approx(of_singles / total)


def test_gradient_is_that_of_finite_differences() -> None:
    options = decisions(TINY)
    terms = cost_terms(TINY)
    costs = [counts(each.block).ops / 1000 for each in terms]
    expected = ExpectedCost(terms, options, costs)
    names = list(options)

    def cost(*vectors: Tensor) -> Tensor:
        found: Tensor = expected(dict(zip(names, vectors, strict=True)))
        return found

    rng = np.random.default_rng(0)
    inside = [torch.tensor(rng.dirichlet([1.0] * len(each))) for each in options.values()]
    # Where a probability is 0 a product of several must still have its gradient.
    corner = [F.one_hot(torch.tensor(1), len(each)).double() for each in options.values()]
    for vectors in (inside, corner):
        assert torch.autograd.gradcheck(cost, [each.requires_grad_() for each in vectors])


def test_cost_lowers_what_it_is_made_of() -> None:
    space = replace(SMALL, stages=SMALL.stages[:1])
    terms = cost_terms(space)
    expected = ExpectedCost(terms, decisions(space), [counts(each.block).ops for each in terms])
    architecture = Architecture(space)
    expected(architecture.probabilities(1.0)).backward()
    for name in ("width/0", "depth/0"):
        gradient = architecture.logits[name].grad
        assert gradient is not None
        # Descent makes the smallest option likelier and the largest one less so.
        assert gradient[0] < 0 < gradient[-1]
