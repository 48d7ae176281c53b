"""Ranking networks of a search behind those that trials find best: see trials.py and halving.py."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from math import ceil

import numpy as np

from costmodels.errors import BudgetUnreachable
from costmodels.selection import AnyBudget
from space.decisions import Choices
from space.genotype import Genotype, choices_of, genotype_of
from targets.toolchain import Notify

from .candidates import candidate_choices, regular_probabilities
from .errors import DivergedError
from .halving import Halving, Keeps
from .judge import Judge
from .offers import Offers, offers_within
from .ranking import Candidate, evaluate, rank_within


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
    offers = offers_within(judge.space, limits)
    families = _families(judge, limits, candidates, offers, generator=generator)
    # What was tried within tighter limits is no trial within these: each family's first one, which
    # it climbs to, tells what it can make use of.
    least_used = offers.least_used(*(family[0] for family in families))
    before = [each for each in halving.known() if offers.uses(each, least_used)]

    def genotypes(found: Iterable[Choices]) -> Iterator[Genotype]:
        return (genotype_of(judge.space, each) for each in found)

    def near(best: Genotype, tried_count: int) -> Iterator[Genotype]:
        generator = np.random.default_rng([halving.seed, tried_count])
        found = offers.near(choices_of(best), judge.log_probabilities, generator=generator)
        return genotypes(found)

    tried = halving.run(
        [[*genotypes(family)] for family in families], before=[*genotypes(before)], near=near,
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
    judge: Judge, limits: Sequence[AnyBudget], candidates: Sequence[Choices], offers: Offers, *,
    generator: np.random.Generator,
) -> list[list[Choices]]:  # fmt: skip
    """The candidates and networks of each kind of uniform design: see `Offers.climbed`."""
    found = [(judge.log_probabilities, candidates)]
    for held in regular_probabilities(judge.space, judge.log_probabilities):
        count = ceil(len(candidates) / 2)
        with suppress(BudgetUnreachable):
            drawn = candidate_choices(judge.space, held, limits, count=count, generator=generator)
            found.append((held, drawn))
    return [
        offers.climbed(family, probabilities, generator=generator)
        for probabilities, family in found
    ]


def _by_trial(candidate: Candidate) -> tuple[int, float]:
    trial = candidate.trial
    if trial is None:
        return 0, 0.0
    return -trial.epochs, trial.loss if trial.accuracy is None else -trial.accuracy
