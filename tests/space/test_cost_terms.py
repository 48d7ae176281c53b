"""Cost terms describe every network of a space exactly."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from math import prod

import numpy as np
import pytest

from space.blocks import Block
from space.cost_terms import CostTerm, cost_terms
from space.counts import counts
from space.decisions import Choices, decisions, is_connected
from space.decode import decode
from space.genotype import choices_of, genotype_of, random_genotype
from space.search_space import SearchSpace, Stage
from tests.example_spaces import EXAMPLE_SPACES, SMALL, TINY


def held(terms: tuple[CostTerm, ...], choices: Choices) -> Counter[Block]:
    return Counter(term.block for term in terms if term.holds(choices))


def all_choices(space: SearchSpace) -> Iterator[Choices]:
    options = decisions(space)
    for picks in product(*(range(len(values)) for values in options.values())):
        choices = dict(zip(options, picks, strict=True))
        if is_connected(options, choices):
            yield choices


def expected_binary_macs(
    terms: tuple[CostTerm, ...], probabilities: Mapping[str, tuple[float, ...]]
) -> float:
    """Sum over terms of cost x product of the probabilities of their events."""
    return sum(
        counts(term.block).binary_macs
        * prod(
            sum(probabilities[event.decision][option] for option in event.options)
            for event in term.events
        )
        for term in terms
    )  # fmt: skip


@pytest.mark.parametrize("space", EXAMPLE_SPACES.values(), ids=EXAMPLE_SPACES)
def test_held_terms_are_the_decoded_blocks(space: SearchSpace) -> None:
    terms = cost_terms(space)
    rng = np.random.default_rng(0)
    for depths in product(*(range(stage.max_cells + 1) for stage in space.stages)):
        genotype = replace(random_genotype(space, rng), depths=depths)
        assert held(terms, choices_of(genotype)) == Counter(decode(genotype).blocks)


def test_all_networks_of_a_tiny_space_are_described() -> None:
    terms = cost_terms(TINY)
    networks = list(all_choices(TINY))
    # 2 widths x 2 depths x (2 of 3 options into node 1) x (8 of 9 into node 2).
    assert len(networks) == 2 * 2 * 2 * 8
    for choices in networks:
        assert held(terms, choices) == Counter(decode(genotype_of(TINY, choices)).blocks)


def test_events_of_a_term_are_of_different_decisions() -> None:
    for space in EXAMPLE_SPACES.values():
        options = decisions(space)
        for term in cost_terms(space):
            names = [event.decision for event in term.events]
            assert len(set(names)) == len(names)
            assert all(0 < len(e.options) < len(options[e.decision]) for e in term.events)


def test_equal_blocks_are_one_object() -> None:
    terms = cost_terms(SMALL)
    assert len({id(term.block) for term in terms}) == len({term.block for term in terms})


def test_reduction_cells_are_priced() -> None:
    genotype = replace(random_genotype(SMALL, np.random.default_rng(0)), depths=(0, 0, 0))
    reductions = [node.block for node in decode(genotype) if node.name.startswith(("s1r.", "s2r."))]
    assert sum(counts(block).binary_macs for block in reductions) > 0
    priced = held(cost_terms(SMALL), choices_of(genotype))
    assert Counter(reductions) <= priced


def test_width_probabilities_are_used_as_given() -> None:
    # The process convolution of one cell: 8 -> 8 or 16 -> 16 channels over 4 x 4 pixels.
    space = replace(TINY, primitives=("skip",))
    probabilities: dict[str, tuple[float, ...]] = dict.fromkeys(decisions(space), (1.0,))
    probabilities |= {"width/0": (0.25, 0.75), "depth/0": (0.0, 1.0)}
    expected = 0.25 * 64 * 16 + 0.75 * 256 * 16
    assert expected_binary_macs(cost_terms(space), probabilities) == pytest.approx(expected)


def test_expected_cost_is_the_mean_over_all_networks() -> None:
    space = replace(TINY, primitives=("skip", "bconv3x3"), stages=(Stage(16, 1), Stage(16, 0)))
    rng = np.random.default_rng(0)
    probabilities = {
        name: tuple(rng.dirichlet(np.ones(len(values))).tolist())
        for name, values in decisions(space).items()
    }
    mean = 0.0
    for choices in all_choices(space):
        weight = np.prod([probabilities[name][option] for name, option in choices.items()])
        blocks = decode(genotype_of(space, choices)).blocks
        mean += weight * sum(counts(block).binary_macs for block in blocks)
    assert expected_binary_macs(cost_terms(space), probabilities) == pytest.approx(mean, rel=1e-12)
