"""The widest uniform design within budgets, against trying all of them."""

import numpy as np
import pytest

from costmodels.protocol import network_cost, term_costs
from costmodels.registry import COST_MODELS
from costmodels.scaled_uniform import widest_uniform
from costmodels.selection import Budget
from space.cost_terms import cost_terms
from space.decode import decode
from space.presets import SPACES
from space.uniform import UniformKind, uniform_genotypes

SPACE = SPACES["fashion"]
OPS = COST_MODELS["ops"]


@pytest.mark.parametrize("kind", ["chain", "all-conv"])
def test_widest_is_what_brute_force_finds(kind: UniformKind) -> None:
    costs = term_costs(OPS, cost_terms(SPACE))
    designs = [each for each in uniform_genotypes(SPACE) if each.kind == kind]
    costs_of = [network_cost(OPS, decode(each.genotype).blocks) for each in designs]
    picks = set()
    for limit in np.linspace(0.9 * min(costs_of), 1.1 * max(costs_of), 12):
        for depth in range(3):
            keeping = [
                each
                for each, cost in zip(designs, costs_of, strict=True)
                if each.depth == depth and cost <= limit
            ]
            widest = max(keeping, key=lambda each: each.width, default=None)
            found = widest_uniform(
                SPACE, kind, [Budget("ops", "", costs, float(limit))], depth=depth
            )
            assert found == (widest.genotype if widest else None)
            picks.add(None if widest is None else widest.width)
    assert picks == {None, *SPACE.widths}
