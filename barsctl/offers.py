"""Which networks to try within budgets: those that promise most."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import numpy as np

from costmodels.selection import AnyBudget
from costmodels.spending import Spending, spending
from space.decisions import Choices
from space.search_space import SearchSpace

from .candidates import USED_SHARE, LogProbabilities, neighbours
from .promising import Promise, promise

# Starts of a climb to a family's most promising network: one alone stops below the top.
CLIMBS = 8


@dataclass(frozen=True, eq=False, slots=True)
class Offers:
    """The networks of a space within limits, the most promising first."""

    space: SearchSpace
    promise: Promise
    spending: Spending

    def least_used(self, *networks: Choices) -> float:
        """Of the tightest limit, as much as makes use of it, or as one of these networks uses."""
        shares = map(self.spending.share, networks)
        return min((USED_SHARE, *(share for share in shares if share is not None)))

    def uses(self, choices: Choices, least: float) -> bool:
        """Whether choices keep to the limits, and use so much of the tightest."""
        share = self.spending.share(choices)
        return share is not None and share >= least

    def near(
        self, choices: Choices, log_probabilities: LogProbabilities, *,
        generator: np.random.Generator,
    ) -> Iterator[Choices]:  # fmt: skip
        """Yield neighbours that make use of a limit, or as much as the network does.

        Of those that promise the same, the ones that use less come first.
        """
        least_used = self.least_used(choices)
        found = neighbours(self.space, log_probabilities, choices=choices, generator=generator)
        promised = [(self.promise.of(each), each) for each in found]
        ranked = sorted(promised, key=itemgetter(0), reverse=True)
        for _, equals in groupby(ranked, key=itemgetter(0)):
            shares = [(self.spending.share(each), each) for _, each in equals]
            using = [pair for pair in shares if pair[0] is not None and pair[0] >= least_used]
            yield from (each for _, each in sorted(using, key=itemgetter(0)))

    def climbed(
        self, found: Sequence[Choices], log_probabilities: LogProbabilities, *,
        generator: np.random.Generator,
    ) -> list[Choices]:  # fmt: skip
        """The networks that make use of a limit, if any do, behind the best that they lead to.

        From some of them, always to the most promising neighbour, until none that is drawn promises
        more.
        """

        def top_from(choices: Choices) -> Choices:
            best = next(self.near(choices, log_probabilities, generator=generator), choices)
            return top_from(best) if self.promise.of(best) > self.promise.of(choices) else choices

        using = [each for each in found if self.uses(each, USED_SHARE)] or found
        ranked = sorted(using, key=self.promise.of, reverse=True)
        return [max(map(top_from, ranked[:CLIMBS]), key=self.promise.of), *ranked]


def offers_within(space: SearchSpace, limits: Sequence[AnyBudget]) -> Offers:
    """The networks of a space within limits; build it once."""
    return Offers(space, promise(space), spending(space, limits))
