"""Candidates: the networks that an architecture's probabilities stand for, within budgets."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from costmodels.selection import AnyBudget, most_probable, most_probable_of_layouts
from costmodels.spending import spending
from space.cost_terms import cost_terms
from space.decisions import Choices, Decisions, decisions, edge_decisions, is_connected
from space.genotype import choices_of, genotype_of
from space.search_space import SearchSpace
from space.uniform import uniform_genotype, uniform_kinds

from .network_rows import kept_choices

LogProbabilities = Mapping[str, NDArray[np.float64]]
TRIES_PER_CANDIDATE = 50
LAYOUT_TRIES_PER_CANDIDATE = 4
# Of the candidates, the most probable ones of their widths and depths, where all edges are decided.
# Shared weights rank these best. Where edges are open the most probable topology says little.
LAYOUTS_SHARE = 0.75
# Networks that cost less of every budget leave accuracy on the table.
USED_SHARE = 0.85
# All of fashion-small's 707 changes, and some of bars-imagenet's 28 794: each takes 0.1 ms.
MOST_NEIGHBOURS = 1024
# A decided architecture has few networks within a budget below its own; flatter ones have more.
FLATTENINGS = (1.0, 2.0, 4.0, 8.0, 16.0)


def candidate_choices(
    space: SearchSpace,
    log_probabilities: LogProbabilities,
    budgets: Sequence[AnyBudget],
    *,
    count: int,
    generator: np.random.Generator,
) -> list[Choices]:
    """Return the most probable network within the budgets and up to count - 1 others within them.

    Others are the most probable networks of widths and depths that are drawn from their
    probabilities, the fewer the less the edges are decided, then samples. Both are drawn from
    flatter probabilities where those give too few; all are different and keep to the budgets. Those
    that make use of a budget come first: the most accurate networks are among them. An option of
    -inf is in none.
    Raises BudgetUnreachable where no network does.
    """
    options, terms = decisions(space), cost_terms(space)
    share = spending(space, budgets).share
    most_layouts = LAYOUTS_SHARE * (1 - _openness(options, log_probabilities)) * count
    best = most_probable(options, terms, log_probabilities, budgets)
    found, tried = [best], {kept_choices(genotype_of(space, best))}
    sparing: list[Choices] = []

    def add(choices: Choices) -> None:
        network = kept_choices(genotype_of(space, choices))
        if network not in tried and (used := share(choices)) is not None:
            (found if used >= USED_SHARE else sparing).append(choices)
        tried.add(network)

    layouts = list(_drawn_layouts(options, log_probabilities, count=count, generator=generator))
    for choices in most_probable_of_layouts(options, terms, log_probabilities, budgets, layouts):
        if len(found) > most_layouts:
            break
        add(choices)
    samples = _drawn(log_probabilities, TRIES_PER_CANDIDATE * count, generator=generator)
    while len(found) < count and (sample := next(samples, None)) is not None:
        if is_connected(options, sample):
            add(sample)
    return [*found, *sparing][:count]


def regular_probabilities(
    space: SearchSpace, log_probabilities: LogProbabilities
) -> list[LogProbabilities]:
    """Return the probabilities with the edges of each kind of uniform design.

    A kind that the space or an option of -inf rules out is not there.
    """
    found: list[LogProbabilities] = []
    for kind in uniform_kinds(space):
        choices = choices_of(uniform_genotype(space, kind, depth=0, width=max(space.widths)))
        edges = {edge: choices[edge] for edge in edge_decisions(log_probabilities)}
        if all(np.isfinite(log_probabilities[edge][option]) for edge, option in edges.items()):
            found.append({**log_probabilities, **_decided(log_probabilities, edges)})
    return found


def _decided(log_probabilities: LogProbabilities, options: Choices) -> LogProbabilities:
    held = {name: np.full(len(log_probabilities[name]), -np.inf) for name in options}
    for name, option in options.items():
        held[name][option] = 0.0
    return held


def neighbours(
    space: SearchSpace,
    log_probabilities: LogProbabilities,
    *,
    choices: Choices,
    generator: np.random.Generator,
) -> list[Choices]:
    """Return choices that differ from a network's in one or two decisions.

    Some may be the same network. An option of -inf is in none. Of more than MOST_NEIGHBOURS changes
    so many are drawn.
    """
    options = decisions(space)
    changes = [
        (name, int(option))
        for name, values in log_probabilities.items()
        for option in np.flatnonzero(np.isfinite(values))
        if option != choices[name]
    ]
    pairs = [
        (first, second)
        for number, first in enumerate(changes)
        for second in changes[number:]
        if first == second or first[0] != second[0]  # a change alone, or of two decisions
    ]
    drawn = generator.permutation(len(pairs))[:MOST_NEIGHBOURS]
    others = ({**choices, **dict(pairs[number])} for number in drawn)
    return [other for other in others if is_connected(options, other)]


def _openness(options: Decisions, log_probabilities: LogProbabilities) -> float:
    """The mean entropy of the edges, each as a share of its largest: 0 decided, 1 uniform."""
    found = []
    for edge in edge_decisions(options):
        if len(options[edge]) > 1:
            weights = np.exp(log_probabilities[edge])
            found.append(entr(weights / weights.sum()).sum() / np.log(len(weights)))
    return float(np.mean(found)) if found else 0.0


def _drawn_layouts(
    options: Decisions, log_probabilities: LogProbabilities, *, count: int,
    generator: np.random.Generator,
) -> Iterator[Choices]:  # fmt: skip
    """Yield different options of all widths and depths, from flatter and flatter probabilities."""
    edges = edge_decisions(options)
    layout = {name: values for name, values in log_probabilities.items() if name not in edges}
    seen = set()
    for choices in _drawn(layout, LAYOUT_TRIES_PER_CANDIDATE * count, generator=generator):
        if (key := tuple(choices.values())) not in seen:
            seen.add(key)
            yield choices


def _drawn(
    log_probabilities: LogProbabilities, count: int, *, generator: np.random.Generator
) -> Iterator[Choices]:
    """Yield so many independent choices of each flattening, the least flat first."""
    for flattening in FLATTENINGS:
        up_to = {
            name: _up_to_each_option(values / flattening)
            for name, values in log_probabilities.items()
        }
        for _ in range(count):
            numbers = generator.random(len(up_to)).tolist()
            yield {
                name: bisect_right(shares, number)
                for (name, shares), number in zip(up_to.items(), numbers, strict=True)
            }


def _up_to_each_option(log_weights: NDArray[np.float64]) -> list[float]:
    """The probability of each option or one before it."""
    weights = np.exp(log_weights - log_weights.max())
    shares = (weights / weights.sum()).cumsum()
    return list(map(float, shares / shares[-1]))
