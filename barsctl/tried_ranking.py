"""Ranking networks of a search behind those that trials find best: see trials.py and halving.py."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from costmodels.selection import AnyBudget, within
from costmodels.term_index import term_index
from space.cost_terms import cost_terms
from space.decisions import Choices
from space.genotype import Genotype, choices_of, genotype_of
from targets.toolchain import Notify

from .candidates import USED_SHARE, neighbours, regular_choices, used_share
from .errors import DivergedError
from .halving import Halving, Keeps
from .judge import Judge
from .promising import most_promising
from .ranking import Candidate, evaluate, rank_within
from .trials import Near

# Networks of a family, and near the best one so far, of which trials pick the most promising.
DRAWN = 256


def tried_ranking(
    judge: Judge, halving: Halving, limits: Sequence[AnyBudget], candidates: Sequence[Choices], *,
    generator: np.random.Generator, keeps_to_boards: Keeps, notify: Notify,
) -> tuple[Candidate, ...]:  # fmt: skip
    """Try networks within the limits, and rank all there that were judged behind them.

    candidates: that were judged. The best of them is tried, the most promising of networks with the
    cells of each kind of uniform design, and then of those near the best so far; those that make
    use of a budget, where there are such. Those that were
    trained to the end come first, by their accuracy, then those that were tried, by their loss;
    what diverged is not there. keeps_to_boards: see `Halving.run`. Raises DivergedError where all
    that were tried did.
    """
    index = term_index(cost_terms(judge.space))

    def share(genotype: Genotype) -> float:
        return used_share(index, limits, choices_of(genotype))

    families = [
        [each for each in family if share(each) >= USED_SHARE] or family
        for family in _families(judge, limits, candidates, generator=generator)
    ]
    # What was tried within tighter limits is no trial within these.
    least_used = min(USED_SHARE, *(share(each) for family in families for each in family))
    known = (genotype_of(judge.space, choices) for choices in halving.known())
    before = [
        each for each in known
        if within(index, limits, choices_of(each)) and share(each) >= least_used
    ]  # fmt: skip
    near = _near(judge, limits, seed=halving.seed)
    tried = halving.run(
        families, before=before, near=near, keeps_to_boards=keeps_to_boards, notify=notify
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
    judge: Judge, limits: Sequence[AnyBudget], candidates: Sequence[Choices], *,
    generator: np.random.Generator,
) -> list[list[Genotype]]:  # fmt: skip
    """The candidates, the most accurate first, and each kind of uniform design's networks."""
    regular = regular_choices(
        judge.space, judge.log_probabilities, limits, count=DRAWN, generator=generator
    )
    return [
        _most_accurate_first(judge, candidates),
        *(most_promising(genotype_of(judge.space, each) for each in found) for found in regular),
    ]


def _most_accurate_first(judge: Judge, choices: Sequence[Choices]) -> list[Genotype]:
    """The networks of choices that were judged, in the order of what they came to."""
    accuracies = judge.accuracies(choices)
    ranked = sorted(zip(accuracies, choices, strict=True), key=lambda pair: -pair[0])
    return [genotype_of(judge.space, each) for _, each in ranked]


def _near(judge: Judge, limits: Sequence[AnyBudget], *, seed: int) -> Near:
    def near(best: Genotype, tried_count: int) -> list[Genotype]:
        found = neighbours(
            judge.space, judge.log_probabilities, choices=choices_of(best), budgets=limits,
            count=DRAWN, generator=np.random.default_rng([seed, tried_count]),
        )  # fmt: skip
        return [genotype_of(judge.space, each) for each in found]

    return near


def _by_trial(candidate: Candidate) -> tuple[int, float]:
    trial = candidate.trial
    if trial is None:
        return 0, 0.0
    return -trial.epochs, trial.loss if trial.accuracy is None else -trial.accuracy
