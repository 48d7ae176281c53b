"""The rules by which a search is said to collapse."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from barsctl.collapse import Discretised, collapse_warnings, parameter_free_share
from barsctl.gap import Gap
from costmodels.selection import AddedBudget
from costmodels.term_index import choices_cost, term_index
from space.cost_terms import cost_terms
from space.decisions import Choices, decisions
from tests.barsctl.tiny_runs import SPACE

NO_GAP = Gap(0.7, 0.7)
TERMS = cost_terms(SPACE)
INDEX = term_index(TERMS)
NONE, SKIP, CONV = range(3)


def choices(*, op: int, width: int = 1, depth: int = 1) -> Choices:
    by_kind = {"op": op, "width": width, "depth": depth}
    return {name: by_kind[name.partition("/")[0]] for name in decisions(SPACE)}


def leaning_to(found: Choices, *, probability: float = 0.9) -> Mapping[str, Tensor]:
    """Probabilities of which the choices have one, and other options the rest."""
    mixed = {}
    for name, options in decisions(SPACE).items():
        mixed[name] = torch.full((len(options),), (1 - probability) / (len(options) - 1))
        mixed[name][found[name]] = probability
    return mixed


def warnings(
    found: Choices, *, probability: float = 0.9, gap: Gap = NO_GAP, used_share: float = 0.5,
    last: bool = False,
) -> tuple[str, ...]:  # fmt: skip
    """Of a network that takes half of its budget, each block costing 1."""
    costs = np.ones(len(TERMS))
    limit = 2 * choices_cost(INDEX, costs, found)
    network = Discretised(SPACE, found, INDEX, [AddedBudget("blocks", "", costs, limit)])
    leaning = leaning_to(found, probability=probability)
    return collapse_warnings(leaning, network, gap, used_share=used_share, last=last)


def test_a_sound_search_raises_no_warning() -> None:
    assert warnings(choices(op=CONV)) == ()


def test_edges_without_weights_are_a_collapse() -> None:
    some_none = {name: NONE for name in choices(op=SKIP) if name.endswith("/2/0")}
    (found,) = warnings({**choices(op=SKIP), **some_none})
    assert found.startswith("the search collapses: 100% of the decided edges have no weights")
    assert "--warmup-epochs" in found


def test_where_the_expected_cost_fills_the_budget_no_network_is_too_cheap() -> None:
    assert warnings(choices(op=SKIP), used_share=0.9) == ()
    assert warnings(choices(op=CONV, width=0), used_share=0.9) == ()


def test_undecided_searches_are_not_judged_yet() -> None:
    """With a probability of 0.6, entropies are above 0.85, with 0.9 below 0.5."""
    assert warnings(choices(op=SKIP), probability=0.6, gap=Gap(0.9, 0.1)) == ()
    without_weights, gap = warnings(
        choices(op=SKIP), probability=0.6, gap=Gap(0.9, 0.1), last=True
    )  # fmt: skip
    assert "have no weights" in without_weights
    assert "90% of the held-out images rightly" in gap


def test_gap_of_more_than_fifteen_points_is_a_collapse() -> None:
    (found,) = warnings(choices(op=CONV), gap=Gap(relaxed=0.75, discretised=0.59))
    assert "75%" in found
    assert "59%" in found
    assert warnings(choices(op=CONV), gap=Gap(relaxed=0.75, discretised=0.61)) == ()


def test_smallest_widths_with_budget_left_are_a_collapse() -> None:
    (found,) = warnings(choices(op=CONV, width=0))
    assert "every stage has its smallest width, though the expected cost is 50%" in found


def test_without_budgets_no_share_of_one_is_told() -> None:
    network = Discretised(SPACE, choices(op=SKIP, width=0), INDEX, ())
    found = collapse_warnings(
        leaning_to(network.choices), network, NO_GAP, used_share=None, last=False
    )
    assert len(found) == 2
    assert all("no budget asks for that" in line for line in found)


def test_smallest_widths_that_nothing_fits_beside_are_none() -> None:
    """With a price on wide blocks alone, the narrow network leaves all of a tiny budget."""
    costs = np.array([float(term.block.out_channels == 16) for term in TERMS])
    found = choices(op=CONV, width=0)
    network = Discretised(SPACE, found, INDEX, [AddedBudget("wide", "", costs, 0.5)])
    leaning = leaning_to(found)
    assert collapse_warnings(leaning, network, NO_GAP, used_share=0.5, last=False) == ()


def test_kept_decisions_are_no_collapse() -> None:
    costs = np.ones(len(TERMS))

    def warned(found: Choices, *, kept: str) -> tuple[str, ...]:
        budget = AddedBudget("blocks", "", costs, 2 * choices_cost(INDEX, costs, found))
        held = {name: option for name, option in found.items() if name.startswith(kept)}
        network = Discretised(SPACE, found, INDEX, [budget], held)
        gap = Gap(0.9, 0.1)
        return collapse_warnings(leaning_to(found), network, gap, used_share=0.5, last=False)

    without_weights, narrow = choices(op=SKIP), choices(op=CONV, width=0)
    (gap,) = warned(without_weights, kept="op/")
    assert "90% of the held-out images rightly" in gap
    assert len(warned(without_weights, kept="width/")) == 2
    assert len(warned(narrow, kept="width/")) == 1
    assert len(warned(narrow, kept="op/")) == 2
    assert warned(narrow, kept="") == ()  # nothing is open before the end


def test_parameter_free_share_counts_none_and_skip() -> None:
    assert parameter_free_share(SPACE.primitives) == pytest.approx(2 / 3)
    assert parameter_free_share(()) == 0
