"""Ranking networks of a search behind those that trials find best: see trials.py and halving.py."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from math import ceil

import numpy as np

from costmodels.errors import BudgetUnreachable
from costmodels.selection import AnyBudget, within
from costmodels.term_index import term_index
from space.cost_terms import cost_terms
from space.decisions import Choices
from space.genotype import Genotype, choices_of, genotype_of
from targets.toolchain import Notify

from .candidates import (
    USED_SHARE,
    LogProbabilities,
    candidate_choices,
    neighbours,
    regular_probabilities,
    used_share,
)
from .errors import DivergedError
from .halving import Halving, Keeps
from .judge import Judge
from .promising import promise
from .ranking import Candidate, evaluate, rank_within

# Starts of a climb to a family's most promising network: one alone stops below the top.
CLIMBS = 8
Promised = Callable[[Choices], float]


def tried_ranking(
    judge: Judge, halving: Halving, limits: Sequence[AnyBudget], candidates: Sequence[Choices], *,
    generator: np.random.Generator, keeps_to_boards: Keeps, notify: Notify,
) -> tuple[Candidate, ...]:  # fmt: skip
    """Try networks within the limits, and rank all there that were judged behind them.

    candidates: that were judged. First the most promising network is tried to which small changes
    lead from them, and from networks with the cells of each kind of uniform design, whose widths
    and depths alone change; then the most promising near the best so far. All make use of a budget,
    where there are such. Those that were trained to the end come first, by their accuracy, then
    those that were tried, by their loss; what diverged is not there. keeps_to_boards: see
    `Halving.run`. Raises DivergedError where all that were tried did.
    """
    index = term_index(cost_terms(judge.space))

    def share(choices: Choices) -> float:
        return used_share(index, limits, choices)

    def genotypes(found: Iterable[Choices]) -> list[Genotype]:
        return [genotype_of(judge.space, choices) for choices in found]

    promised = promise(judge.space).of
    families = _families(judge, limits, candidates, promised, generator=generator)
    # What was tried within tighter limits is no trial within these.
    least_used = min(USED_SHARE, *(share(each) for family in families for each in family))
    before = [
        each for each in halving.known()
        if within(index, limits, each) and share(each) >= least_used
    ]  # fmt: skip

    def near(best: Genotype, tried_count: int) -> list[Genotype]:
        found = neighbours(
            judge.space, judge.log_probabilities, choices=choices_of(best), budgets=limits,
            generator=np.random.default_rng([halving.seed, tried_count]),
        )  # fmt: skip
        return genotypes(sorted(found, key=promised, reverse=True))

    tried = halving.run(
        [genotypes(family) for family in families], before=genotypes(before), near=near,
        keeps_to_boards=keeps_to_boards, notify=notify,
    )  # fmt: skip
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
    judge: Judge, limits: Sequence[AnyBudget], candidates: Sequence[Choices], promised: Promised, *,
    generator: np.random.Generator,
) -> list[list[Choices]]:  # fmt: skip
    """The candidates and networks of each kind of uniform design: see `_climbed`."""
    found = [(judge.log_probabilities, candidates)]
    for held in regular_probabilities(judge.space, judge.log_probabilities):
        count = ceil(len(candidates) / 2)
        with suppress(BudgetUnreachable):
            drawn = candidate_choices(judge.space, held, limits, count=count, generator=generator)
            found.append((held, drawn))
    return [
        _climbed(judge, probabilities, limits, family, promised, generator=generator)
        for probabilities, family in found
    ]


def _climbed(
    judge: Judge, log_probabilities: LogProbabilities, limits: Sequence[AnyBudget],
    found: Sequence[Choices], promised: Promised, *, generator: np.random.Generator,
) -> list[Choices]:  # fmt: skip
    """The networks that make use of a budget, if any do, behind the best that they lead to.

    From some of them, always to the most promising neighbour, until none that is drawn promises
    more.
    """
    index = term_index(cost_terms(judge.space))

    def top_from(choices: Choices) -> Choices:
        around = neighbours(
            judge.space, log_probabilities, choices=choices, budgets=limits, generator=generator
        )
        best = max(around, key=promised, default=choices)
        return top_from(best) if promised(best) > promised(choices) else choices

    using = [each for each in found if used_share(index, limits, each) >= USED_SHARE] or found
    ranked = sorted(using, key=promised, reverse=True)
    return [max(map(top_from, ranked[:CLIMBS]), key=promised), *ranked]


def _by_trial(candidate: Candidate) -> tuple[int, float]:
    trial = candidate.trial
    if trial is None:
        return 0, 0.0
    return -trial.epochs, trial.loss if trial.accuracy is None else -trial.accuracy
