"""The arena as a budget: conflicts that are ones, and what enumeration finds."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from costmodels.arena import ArenaBudget
from costmodels.choices_budget import Conflict
from costmodels.errors import BudgetUnreachable
from costmodels.protocol import term_costs
from costmodels.registry import COST_MODELS
from costmodels.selection import AddedBudget, most_probable, most_probable_of_layouts, within
from costmodels.term_index import choices_cost, term_index
from space.cost_terms import Event, cost_terms
from space.decisions import Choices, decisions
from space.decode import decode
from space.genotype import choices_of, genotype_of, random_genotype
from space.presets import named_space
from space.search_space import SearchSpace, Stage
from targets.boards import ARMV7, X86_64, X86_64_VPOPCNT
from targets.lower import lower
from targets.memory import plan_arena
from targets.target import Target
from tests.costmodels.test_selection import (
    all_choices,
    log_probability,
    random_log_probabilities,
)
from tests.example_spaces import EXAMPLE_SPACES, TINY

SPACES = {
    "cell": replace(TINY, stages=(Stage(16, 1), Stage(16, 0)), primitives=("none", "bconv3x3")),
    "kind": replace(
        TINY, stages=(Stage(16, 2), Stage(32, 0)), sharing="kind", primitives=("none", "bconv3x3")
    ),
    "edge": replace(TINY, form="edge", stages=(Stage(16, 2),), sharing="stage"),
    "chain": replace(TINY, primitives=("none", "skip", "bconv1x1", "bconv3x3"), stem_blocks=2),
}


def arenas(space: SearchSpace, target: Target) -> list[tuple[Choices, float]]:
    budget = ArenaBudget(space, target, 1.0)
    return [(choices, budget.cost(choices)) for choices in all_choices(decisions(space))]


def test_cost_is_the_planned_arena() -> None:
    choices = choices_of(random_genotype(TINY, np.random.default_rng(0)))
    graph = decode(genotype_of(TINY, choices))
    variants = [lower(graph, each.vector_unit) for each in X86_64.processors]
    expected = plan_arena(variants, threads=1).arena_bytes
    assert ArenaBudget(TINY, X86_64, 1.0).cost(choices) == expected
    assert len(variants) == 3


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_best_network_is_what_enumeration_finds(space: SearchSpace) -> None:
    options, terms = decisions(space), cost_terms(space)
    index, ops = term_index(terms), term_costs(COST_MODELS["ops"], terms)
    every = arenas(space, ARMV7)
    sizes = sorted(arena for _, arena in every)
    median = float(np.median([choices_cost(index, ops, choices) for choices, _ in every]))
    half = AddedBudget("ops", "OPs", ops, median)
    for seed, share in enumerate((0.0, 0.1, 0.4, 0.8)):
        limit = sizes[int(share * (len(sizes) - 1))]
        log_probabilities = random_log_probabilities(options, seed)
        ram = ArenaBudget(space, ARMV7, limit)
        for others in ([], [half]):
            fitting = [
                choices
                for choices, arena in every
                if arena <= limit and within(index, others, choices)
            ]
            found = most_probable(options, terms, log_probabilities, [*others, ram])
            assert found in fitting
            best = max(log_probability(log_probabilities, choices) for choices in fitting)
            assert log_probability(log_probabilities, found) == pytest.approx(best, abs=1e-5)
    below = ArenaBudget(space, ARMV7, sizes[0] - 1)
    with pytest.raises(BudgetUnreachable, match=rf"smallest reachable found {sizes[0]:g}\)"):
        most_probable(options, terms, random_log_probabilities(options, 0), [below])


def test_conflicts_hold_for_all_that_they_name() -> None:
    """Sampled where enumeration is too long: three stages, four primitives, every form."""
    rng = np.random.default_rng(0)
    for name in ("node-cell-1-three-stages", "edge-kind-3-three-stages", "node-stage-3-one-stage"):
        space = EXAMPLE_SPACES[name]
        networks = [choices_of(random_genotype(space, rng)) for _ in range(60)]
        costs = np.array([ArenaBudget(space, ARMV7, 1.0).cost(each) for each in networks])
        for share in (0.2, 0.6):
            require_true_conflicts(space, networks, costs, limit=float(np.quantile(costs, share)))


def require_true_conflicts(
    space: SearchSpace, networks: list[Choices], costs: NDArray[np.float64], *, limit: float
) -> None:
    rng = np.random.default_rng(1)
    budget = ArenaBudget(space, ARMV7, limit)
    for choices, cost in zip(networks[:15], costs, strict=False):
        conflict = budget.conflict(choices)
        assert (conflict is None) == (cost <= limit)
        if conflict is None:
            continue
        assert all(event.holds(choices) for event in conflict)
        for other in networks[15:25]:
            # Another network, changed so that all events hold.
            changed = {e.decision: int(rng.choice(sorted(e.options))) for e in conflict}
            assert budget.cost({**other, **changed}) > limit


def test_demo_space_is_decided_quickly() -> None:
    """Few combinations are tried: a conflict names what is too much, not a whole network."""
    space = named_space("demo")
    options, terms = decisions(space), cost_terms(space)
    ram = ArenaBudget(space, X86_64_VPOPCNT, 16e3)
    found = most_probable(options, terms, random_log_probabilities(options, 0), [ram])
    assert ram.cost(found) <= 16e3


def test_layout_of_gaps_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where networks fit but for gaps between buffers, each is forbidden alone."""
    options, terms = decisions(TINY), cost_terms(TINY)
    names = [name for name in options if name.startswith(("width/", "depth/"))]
    dear = {name: np.log(np.linspace(0.1, 0.9, len(values))) for name, values in options.items()}
    layout = {name: len(options[name]) - 1 for name in names}
    asked: list[Choices] = []

    def conflict(_: ArenaBudget, choices: Choices) -> Conflict | None:
        asked.append(choices)
        if any(choices[name] != option for name, option in layout.items()):
            return None
        return tuple(Event(name, frozenset({option})) for name, option in choices.items())

    monkeypatch.setattr(ArenaBudget, "conflict", conflict)
    monkeypatch.setattr("costmodels.selection.MAX_LAYOUT_CONFLICTS", 3)
    ram = ArenaBudget(TINY, ARMV7, 1.0)
    found = most_probable(options, terms, dear, [ram])
    assert found not in asked[:3]
    assert len(asked) == 4
    others = [dict.fromkeys(names, 0), layout]
    drawn = most_probable_of_layouts(options, terms, dear, [ram], [layout, *others])
    assert [{name: each[name] for name in names} for each in drawn] == others[:1]
    monkeypatch.setattr("costmodels.selection.MAX_DRAWN_CONFLICTS", 3)
    assert list(most_probable_of_layouts(options, terms, dear, [ram], [layout, *others])) == []
    only = dict(dear)
    for name, option in layout.items():
        only[name] = np.where(np.arange(len(dear[name])) == option, 0.0, -np.inf)
    with pytest.raises(BudgetUnreachable, match=r"the 3 most probable combinations .* raise it"):
        most_probable(options, terms, only, [ram])


def test_giving_up_names_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    options, terms = decisions(TINY), cost_terms(TINY)
    dear = {name: np.log(np.linspace(0.1, 0.9, len(values))) for name, values in options.items()}
    ram = ArenaBudget(TINY, ARMV7, ArenaBudget(TINY, ARMV7, 1.0).smallest_found())
    monkeypatch.setattr("costmodels.selection.MAX_CONFLICTS", 0)
    with pytest.raises(BudgetUnreachable, match=r"over the budget ram, and no more are tried"):
        most_probable(options, terms, dear, [ram])
