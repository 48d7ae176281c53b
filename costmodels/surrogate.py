"""An estimate that adds up over decisions, fitted to exact costs of random networks."""

from collections.abc import Callable, Mapping

import numpy as np

from space.cost_terms import Event
from space.decisions import Choices, decisions
from space.genotype import choices_of, random_genotype
from space.search_space import SearchSpace

from .choices_budget import SurrogateTerm

NETWORKS = 400
RIDGE = 1.0
# Of the limit: networks this far from it weigh half. A straight line cannot fit all sizes, and what
# matters is which side of the limit a network is on.
HALF_WEIGHT = 0.1


def fit_surrogate(
    space: SearchSpace,
    cost: Callable[[Choices], float],
    *,
    limit: float,
    kept: Mapping[str, int] = {},
) -> tuple[SurrogateTerm, ...]:
    """A cost for each option of each decision, and one that always holds, best near a limit.

    Ridge regression. Deterministic: the random networks are always the same ones. kept: the choices
    that all of them share; the estimate is of such networks alone.
    """
    generator = np.random.default_rng(0)
    networks = [{**choices_of(random_genotype(space, generator)), **kept} for _ in range(NETWORKS)]
    options = [
        (name, option) for name, values in decisions(space).items() for option in range(len(values))
    ]
    held = np.array(
        [[float(each[name] == option) for name, option in options] for each in networks]
    )
    costs = np.array([cost(each) for each in networks])
    weights = 1 / (1 + ((costs / limit - 1) / HALF_WEIGHT) ** 2)
    weights /= weights.mean()  # the ridge is of so many networks, however few are near the limit
    shares = weights / weights.sum()
    mean_held, mean_cost = shares @ held, shares @ costs
    weighted = (held - mean_held).T * weights
    gram = weighted @ (held - mean_held) + RIDGE * np.eye(len(options))
    slopes = np.linalg.solve(gram, weighted @ (costs - mean_cost))
    always = float(mean_cost - mean_held @ slopes)
    return (
        SurrogateTerm((), always),
        *(
            SurrogateTerm((Event(name, frozenset({option})),), float(slope))
            for (name, option), slope in zip(options, slopes, strict=True)
        ),
    )
