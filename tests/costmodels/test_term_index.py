"""Fast costs are the exact costs."""

import numpy as np
import pytest

from costmodels.protocol import network_cost, term_costs
from costmodels.registry import COST_MODELS
from costmodels.term_index import choices_cost, held_terms, term_index
from space.cost_terms import cost_terms
from space.decode import decode
from space.genotype import choices_of, random_genotype
from space.search_space import SearchSpace
from tests.example_spaces import EXAMPLE_SPACES


@pytest.mark.parametrize("space", EXAMPLE_SPACES.values(), ids=EXAMPLE_SPACES)
def test_costs_are_those_of_the_decoded_network(space: SearchSpace) -> None:
    terms = cost_terms(space)
    index = term_index(terms)
    genotype = random_genotype(space, np.random.default_rng(0))
    choices = choices_of(genotype)
    assert held_terms(index, choices).tolist() == [term.holds(choices) for term in terms]
    for model in COST_MODELS.values():
        expected = network_cost(model, decode(genotype).blocks)
        assert choices_cost(index, term_costs(model, terms), choices) == expected


def test_no_terms_cost_nothing() -> None:
    assert choices_cost(term_index(()), np.zeros(0), {}) == 0
