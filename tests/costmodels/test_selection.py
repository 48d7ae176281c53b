"""Choices under budgets: what enumeration finds, on made-up and on real spaces."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from numpy.typing import NDArray

from costmodels.errors import BudgetUnreachable, CostError
from costmodels.protocol import term_costs
from costmodels.registry import COST_MODELS
from costmodels.selection import (
    AddedBudget,
    most_probable,
    most_probable_of_layouts,
    smallest_cost,
    within,
)
from costmodels.term_index import choices_cost, term_index
from space.blocks import Epilogue, Sum
from space.cost_terms import CostTerm, Event, cost_terms
from space.decisions import Choices, Decisions, decisions, is_connected
from space.genotype import genotype_of
from space.presets import named_space
from space.search_space import SearchSpace, Stage
from tests.example_spaces import TINY

Floats = NDArray[np.float64]
BLOCK = Sum(8, 4, Epilogue(shortcuts=1))
SLOTS: Decisions = {"a": (0, 1), "b": (0, 1), "c": (0, 1)}


def budget(costs: Sequence[float] | Floats, limit: float) -> AddedBudget:
    return AddedBudget("cost", "ms", np.asarray(costs, np.float64), limit)


def term(**options: int) -> CostTerm:
    return CostTerm(BLOCK, tuple(Event(name, frozenset({o})) for name, o in options.items()))


def all_choices(options: Decisions) -> list[Choices]:
    picks = product(*(range(len(values)) for values in options.values()))
    found = [dict(zip(options, options_of, strict=True)) for options_of in picks]
    return [choices for choices in found if is_connected(options, choices)]


def log_probability(log_probabilities: dict[str, Floats], choices: Choices) -> float:
    return float(sum(log_probabilities[name][option] for name, option in choices.items()))


def random_log_probabilities(options: Decisions, seed: int) -> dict[str, Floats]:
    rng = np.random.default_rng(seed)
    return {name: np.log(rng.dirichlet(np.ones(len(v)))) for name, v in options.items()}


def agrees_with_enumeration(
    options: Decisions, terms: Sequence[CostTerm], budgets: Sequence[AddedBudget], seed: int
) -> bool:
    """Whether most_probable and enumeration agree, also on that there is nothing."""
    log_probabilities = random_log_probabilities(options, seed)
    index = term_index(terms)
    fitting = [c for c in all_choices(options) if within(index, budgets, c)]
    if not fitting:
        with pytest.raises(BudgetUnreachable, match="no network keeps to"):
            most_probable(options, terms, log_probabilities, budgets)
        return False
    found = most_probable(options, terms, log_probabilities, budgets)
    assert within(index, budgets, found)
    best = max(log_probability(log_probabilities, choices) for choices in fitting)
    assert log_probability(log_probabilities, found) == pytest.approx(best, abs=1e-5)
    return True


def test_three_slots_by_hand() -> None:
    # Option 1 of a costs 4, of b 3; together they cost 2 more: 9. c is free.
    terms = (term(a=1), term(b=1), term(a=1, b=1))
    costs = [4.0, 3.0, 2.0]
    log_probabilities = {name: np.log([0.2, 0.8]) for name in SLOTS}
    log_probabilities["b"] = np.log([0.3, 0.7])
    for limit, expected in ((9, (1, 1)), (8, (1, 0)), (3.5, (0, 1)), (1, (0, 0))):
        found = most_probable(SLOTS, terms, log_probabilities, [budget(costs, limit)])
        assert (found["a"], found["b"], found["c"]) == (*expected, 1)


@pytest.mark.parametrize("seed", range(10))
def test_three_slots_agree_with_enumeration(seed: int) -> None:
    rng = np.random.default_rng(seed)
    terms = tuple(
        term(**dict(zip(names, options, strict=True)))
        for names in (("a", "b"), ("b", "c"), ("a", "c"))
        for options in product((0, 1), repeat=2)
    )
    costs = rng.random((2, len(terms)))
    for limit in (0.5, 1.0, 1.5, 2.5):
        agrees_with_enumeration(SLOTS, terms, [budget(costs[0], limit)], seed)
        agrees_with_enumeration(SLOTS, terms, [budget(row, limit) for row in costs], seed)


REAL_SPACES = {
    "cell": replace(TINY, stages=(Stage(16, 1), Stage(16, 0)), primitives=("none", "bconv3x3")),
    "kind": replace(
        TINY, stages=(Stage(16, 2), Stage(16, 1)), sharing="kind", primitives=("none", "bconv3x3")
    ),
    "edge": replace(TINY, form="edge", stages=(Stage(16, 2),), sharing="stage"),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("space", REAL_SPACES.values(), ids=REAL_SPACES)
def test_real_spaces_agree_with_enumeration(space: SearchSpace, seed: int) -> None:
    options, terms = decisions(space), cost_terms(space)
    index = term_index(terms)
    # What blocks cost is made up, so that no order of the choices is the order of their costs.
    rng = np.random.default_rng(seed)
    block_costs = {block: rng.random(2) for block in dict.fromkeys(t.block for t in terms)}
    costs = np.array([block_costs[t.block] for t in terms]).T
    totals = [[choices_cost(index, row, c) for c in all_choices(options)] for row in costs]
    reached = []
    for quantile in (0.02, 0.2, 0.6):
        limits = [float(np.quantile(total, quantile)) for total in totals]
        both = [budget(row, limit) for row, limit in zip(costs, limits, strict=True)]
        reached.append(agrees_with_enumeration(options, terms, both[:1], seed))
        reached.append(agrees_with_enumeration(options, terms, both, seed))
    assert any(reached)
    below = [budget(costs[0], min(totals[0]) * 0.99)]
    assert not agrees_with_enumeration(options, terms, below, seed)


@pytest.mark.parametrize("space", REAL_SPACES.values(), ids=REAL_SPACES)
def test_smallest_cost_agrees_with_enumeration(space: SearchSpace) -> None:
    options, terms = decisions(space), cost_terms(space)
    costs = term_costs(COST_MODELS["ops"], terms)
    index = term_index(terms)
    smallest, choices = smallest_cost(options, terms, costs)
    assert is_connected(options, choices)
    assert choices_cost(index, costs, choices) == pytest.approx(smallest, rel=1e-12)
    enumerated = min(choices_cost(index, costs, c) for c in all_choices(options))
    assert smallest == pytest.approx(enumerated, rel=1e-12)


def test_every_node_stays_connected() -> None:
    # None is free and by far the most probable, still each node needs an edge.
    options, terms = decisions(TINY), cost_terms(TINY)
    log_probabilities = {
        name: np.log(np.full(len(values), 1 / len(values)))
        if "none" not in values else np.log([0.98, 0.01, 0.01])
        for name, values in options.items()
    }  # fmt: skip
    costs = term_costs(COST_MODELS["bops"], terms)
    found = most_probable(options, terms, log_probabilities, [budget(costs, 1e9)])
    assert is_connected(options, found)
    assert (found["op/s0c0/2/0"], found["op/s0c0/2/1"]).count(0) == 1


def test_improbable_options_are_still_allowed() -> None:
    log_probabilities = {name: np.array([-100.0, 0.0]) for name in SLOTS}
    found = most_probable(SLOTS, (term(a=1),), log_probabilities, [budget([4.0], 1.0)])
    assert found == {"a": 0, "b": 1, "c": 1}


@pytest.mark.parametrize("kind", ["op", "layout"])
@pytest.mark.parametrize("space", REAL_SPACES.values(), ids=REAL_SPACES)
def test_impossible_options_are_never_chosen(space: SearchSpace, kind: str) -> None:
    options, terms = decisions(space), cost_terms(space)
    kept = {
        name: option for name, option in all_choices(options)[-1].items()
        if name.startswith("op/") == (kind == "op")
    }  # fmt: skip
    log_probabilities = random_log_probabilities(options, 0)
    for name, option in kept.items():
        log_probabilities[name] = np.where(np.arange(len(options[name])) == option, 0.0, -np.inf)
    costs = np.random.default_rng(0).random(len(terms))
    index = term_index(terms)
    possible = [each for each in all_choices(options) if kept.items() <= each.items()]
    totals = {choices_cost(index, costs, each) for each in possible}
    smallest, choices = smallest_cost(options, terms, costs, log_probabilities)
    assert smallest == pytest.approx(min(totals))
    assert kept.items() <= choices.items()
    limit = budget(costs, float(np.quantile(list(totals), 0.2)))
    found = most_probable(options, terms, log_probabilities, [limit])
    fitting = [each for each in possible if within(index, [limit], each)]
    best = max(log_probability(log_probabilities, each) for each in fitting)
    assert kept.items() <= found.items()
    assert log_probability(log_probabilities, found) == pytest.approx(best)
    with pytest.raises(BudgetUnreachable, match=f"smallest reachable {min(totals):g}"):
        most_probable(options, terms, log_probabilities, [budget(costs, min(totals) * 0.99)])


def test_without_budgets_the_most_probable_is_taken() -> None:
    log_probabilities = random_log_probabilities(SLOTS, 0)
    found = most_probable(SLOTS, (term(a=1),), log_probabilities, [])
    assert found == {name: int(np.argmax(values)) for name, values in log_probabilities.items()}


def test_unreachable_budgets_name_the_smallest_cost() -> None:
    terms = (term(a=0), term(a=1))
    even = {name: np.log([0.5, 0.5]) for name in SLOTS}
    with pytest.raises(BudgetUnreachable, match=r"cost 2 ms \(smallest reachable 3\); raise"):
        most_probable(SLOTS, terms, even, [budget([4.0, 3.0], 2.0)])


def test_budgets_may_be_reachable_alone_but_not_together() -> None:
    terms = (term(a=0), term(a=1))
    even = {name: np.log([0.5, 0.5]) for name in SLOTS}
    budgets = [budget([1.0, 3.0], 2.0), budget([3.0, 1.0], 2.0)]
    with pytest.raises(BudgetUnreachable, match=r"\(smallest reachable 1\).* together"):
        most_probable(SLOTS, terms, even, budgets)


def test_terms_of_two_nodes_are_refused() -> None:
    event = (Event("op/g/1/0", frozenset({1})), Event("op/g/2/0", frozenset({1})))
    options: Decisions = {"op/g/1/0": ("skip", "none"), "op/g/2/0": ("skip", "none")}
    with pytest.raises(CostError, match=r"depends on edges of .*; must be of one node"):
        smallest_cost(options, (CostTerm(BLOCK, event),), np.ones(1))


def test_limits_must_be_positive() -> None:
    with pytest.raises(CostError, match="limit 0 ms must be above 0"):
        budget([1.0], 0.0)


def test_paper_scale_space_under_two_budgets() -> None:
    space = named_space("bars-cifar")
    options, terms = decisions(space), cost_terms(space)
    bops, size = (term_costs(COST_MODELS[name], terms) for name in ("bops", "size"))
    log_probabilities = random_log_probabilities(options, 0)
    index = term_index(terms)
    values = []
    for limit in (5e8, 1e8, 3e7):
        budgets = [budget(bops, limit), budget(size, 2e5)]
        found = most_probable(options, terms, log_probabilities, budgets)
        assert within(index, budgets, found)
        genotype_of(space, found)
        values.append(log_probability(log_probabilities, found))
    # A tighter budget never finds a more probable network.
    assert all(looser >= tighter for looser, tighter in pairwise(values))


def test_most_probable_of_a_layout_is_that_of_no_other() -> None:
    options, terms = decisions(TINY), cost_terms(TINY)
    log_probabilities = random_log_probabilities(options, 3)
    costs = np.random.default_rng(3).uniform(0.1, 1.0, len(terms))
    budgets = [budget(costs, 0.07 * costs.sum())]
    names = [name for name in options if name.startswith(("width", "depth"))]
    drawn = [
        dict(zip(names, picks, strict=True))
        for picks in product(*(range(len(options[name])) for name in names))
    ]
    expected = []
    for layout in drawn:
        alone = dict(log_probabilities)
        for name, option in layout.items():
            alone[name] = np.full(len(options[name]), -np.inf)
            alone[name][option] = 0.0
        with suppress(BudgetUnreachable):
            expected.append(most_probable(options, terms, alone, budgets))
    found = list(most_probable_of_layouts(options, terms, log_probabilities, budgets, drawn))
    assert found == expected
    assert 0 < len(found) < len(drawn)
