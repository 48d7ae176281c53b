"""The widest uniform design within budgets, against trying all of them."""

from dataclasses import replace

import numpy as np
import pytest

from costmodels.protocol import network_cost, term_costs
from costmodels.registry import COST_MODELS
from costmodels.scaled_uniform import widest_uniform
from costmodels.selection import AddedBudget
from space.cost_terms import cost_terms
from space.decode import decode
from space.presets import SPACES
from space.uniform import UniformKind, uniform_genotype, uniform_kinds

SPACE = replace(SPACES["fashion"], primitives=("none", "bconv1x1", "bconv3x3"))
OPS = COST_MODELS["ops"]


@pytest.mark.parametrize("kind", uniform_kinds(SPACE))
def test_widest_is_what_brute_force_finds(kind: UniformKind) -> None:
    costs = term_costs(OPS, cost_terms(SPACE))
    cost_of = {
        (depth, width): network_cost(
            OPS, decode(uniform_genotype(SPACE, kind, depth=depth, width=width)).blocks
        )
        for depth in range(3)
        for width in SPACE.widths
    }
    picks = set()
    for limit in np.linspace(0.9 * min(cost_of.values()), 1.1 * max(cost_of.values()), 12):
        budget = AddedBudget("ops", "", costs, float(limit))
        for depth in range(3):
            widest = max(
                (width for width in SPACE.widths if cost_of[depth, width] <= limit), default=None
            )
            found = widest_uniform(SPACE, kind, [budget], depth=depth)
            assert (found and found.widths[0]) == widest
            assert found is None or found == uniform_genotype(
                SPACE, kind, depth=depth, width=found.widths[0]
            )
            picks.add(widest)
    assert picks == {None, *SPACE.widths}
