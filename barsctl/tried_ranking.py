"""Ranking networks of a search behind those that trials find best: see trials.py and halving.py."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

import numpy as np

from costmodels.selection import AnyBudget, within
from costmodels.term_index import term_index
from space.cost_terms import cost_terms
from space.decisions import Choices
from space.genotype import Genotype, choices_of, genotype_of
from targets.toolchain import Notify

from .candidates import USED_SHARE, neighbours, regular_choices, used_share
from .errors import DivergedError
from .halving import Halving
from .judge import Judge
from .promising import spread, weights_in
from .ranking import Candidate, evaluate, rank_within
from .trials import Near

# Networks near the best one so far, of which trials pick that of the least promised loss.
NEAR = 256


def tried_ranking(
    judge: Judge, halving: Halving, limits: Sequence[AnyBudget], candidates: Sequence[Choices], *,
    generator: np.random.Generator, notify: Notify,
) -> tuple[Candidate, ...]:  # fmt: skip
    """Try networks within the limits, and rank all there that were judged behind them.

    candidates: that were judged; trials are of some of them, of networks with the cells of uniform
    designs, half as many, and of networks near the best so far. The tried ones come first, by their
    loss; what diverged is not there. Raises DivergedError where all that were tried did.
    """
    families = _families(judge, halving, limits, candidates, generator=generator)
    tried = halving.run(
        families,
        before=_tried_before(judge, halving, limits, families),
        near=_near(judge, limits, seed=halving.seed),
        notify=notify,
    )
    evaluate(judge, [choices_of(each) for each in tried], what="derive")
    if all(map(halving.diverged, tried)):
        raise DivergedError(
            f"the weights of all {len(tried)} networks that were tried diverged; derive without "
            "trials, or search again"
        )
    sound = (
        replace(each, trial=halving.outcome(each.genotype))
        for each in rank_within(judge, limits)
        if not halving.diverged(each.genotype)
    )
    return tuple(sorted(sound, key=_by_trial))


def _families(
    judge: Judge, halving: Halving, limits: Sequence[AnyBudget], candidates: Sequence[Choices], *,
    generator: np.random.Generator,
) -> list[list[Genotype]]:  # fmt: skip
    """What trials take in turn: the candidates, and each kind of uniform design's, the best first.

    Of the candidates, the best of as many bands of weights as may have their turn.
    """
    regular = regular_choices(
        judge.space, judge.log_probabilities, limits,
        count=ceil(len(candidates) / 2), generator=generator,
    )  # fmt: skip
    for found in regular:
        evaluate(judge, found, what="derive")
    turns = ceil(halving.count / 2 / (1 + len(regular)))
    networks = [genotype_of(judge.space, each) for each in candidates]
    weights = [weights_in(each) for each in networks]
    bands = spread(weights, judge.accuracies(candidates), count=turns)
    return [
        [networks[index] for index in bands],
        *(_most_accurate_first(judge, found) for found in regular),
    ]


def _most_accurate_first(judge: Judge, choices: Sequence[Choices]) -> list[Genotype]:
    """The networks of choices that were judged, in the order of what they came to."""
    accuracies = judge.accuracies(choices)
    ranked = sorted(zip(accuracies, choices, strict=True), key=lambda pair: -pair[0])
    return [genotype_of(judge.space, each) for _, each in ranked]


def _tried_before(
    judge: Judge, halving: Halving, limits: Sequence[AnyBudget],
    families: Sequence[Sequence[Genotype]],
) -> list[Genotype]:  # fmt: skip
    """Networks within the limits that were tried before, and make use of them as the families do.

    Those that were tried within tighter limits are no trials within these.
    """
    index = term_index(cost_terms(judge.space))

    def share(choices: Choices) -> float:
        return used_share(index, limits, choices)

    asked = (share(choices_of(each)) for family in families for each in family)
    least_used = min(USED_SHARE, *asked)
    return [
        genotype_of(judge.space, choices)
        for choices in halving.known()
        if within(index, limits, choices) and share(choices) >= least_used
    ]


def _near(judge: Judge, limits: Sequence[AnyBudget], *, seed: int) -> Near:
    def near(best: Genotype, tried_count: int) -> list[Genotype]:
        found = neighbours(
            judge.space, judge.log_probabilities, choices=choices_of(best), budgets=limits,
            count=NEAR, generator=np.random.default_rng([seed, tried_count]),
        )  # fmt: skip
        return [genotype_of(judge.space, each) for each in found]

    return near


def _by_trial(candidate: Candidate) -> tuple[int, float]:
    trial = candidate.trial
    return (0, 0.0) if trial is None else (-trial.epochs, trial.loss)
