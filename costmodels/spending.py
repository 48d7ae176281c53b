"""How much of its budgets a network uses, where many networks of a space are asked about."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from space.cost_terms import cost_terms
from space.decisions import Choices
from space.search_space import SearchSpace

from .choices_budget import ChoicesBudget, Conflict
from .knapsack import fits
from .selection import AddedBudget, AnyBudget, parted
from .term_index import TermIndex, choices_cost, term_index


@dataclass(frozen=True, eq=False, slots=True)
class Spending:
    """Shares of budgets; what is dear to price is priced once.

    added: budgets that add up over blocks; others: budgets that judge whole networks. found: their
    shares of what was priced so far; conflicts: what breaks them, whatever else is chosen.
    """

    index: TermIndex
    added: Sequence[AddedBudget]
    others: Sequence[ChoicesBudget]
    found: dict[frozenset[tuple[str, int]], float | None] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)

    def share(self, choices: Choices) -> float | None:
        """Of the tightest budget, what the choices cost: 1 without budgets.

        None where they break one.
        """
        costs = [choices_cost(self.index, budget.costs, choices) for budget in self.added]
        used = _tightest(costs, [budget.limit for budget in self.added])
        if used is None or not self.others:
            return used
        key = frozenset(choices.items())
        if key not in self.found:
            self.found[key] = self._share_of_others(choices)
        others = self.found[key]
        if others is None:
            return None
        return max(used, others) if self.added else others

    def _share_of_others(self, choices: Choices) -> float | None:
        if any(all(event.holds(choices) for event in each) for each in self.conflicts):
            return None
        used = _tightest(
            [budget.cost(choices) for budget in self.others],
            [budget.limit for budget in self.others],
        )
        if used is None:
            conflicts = (budget.conflict(choices) for budget in self.others)
            self.conflicts.extend(each for each in conflicts if each is not None)
        return used


def spending(space: SearchSpace, budgets: Sequence[AnyBudget]) -> Spending:
    """What a space's networks use of budgets; build it once."""
    return Spending(term_index(cost_terms(space)), *parted(budgets))


def _tightest(costs: Sequence[float], limits: Sequence[float]) -> float | None:
    """The largest share of a limit; 1 without limits, None where one is broken."""
    if not fits(np.array(costs), np.array(limits)):
        return None
    return max((cost / limit for cost, limit in zip(costs, limits, strict=True)), default=1.0)
