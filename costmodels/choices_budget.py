"""Hard budgets on what does not add up over blocks: they judge whole networks, given as choices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from space.cost_terms import Event
from space.decisions import Choices

Conflict = tuple[Event, ...]
"""Events of different decisions: no network in which all of them hold is within the budget."""


@dataclass(frozen=True, slots=True)
class SurrogateTerm:
    """A part of an estimate that adds up: `cost` where all events hold."""

    events: tuple[Event, ...]
    cost: float


class ChoicesBudget(Protocol):
    """The most that a network may cost, where only the whole network can be priced."""

    @property
    def name(self) -> str: ...

    @property
    def unit(self) -> str: ...

    @property
    def limit(self) -> float: ...

    def cost(self, choices: Choices) -> float:
        """The exact cost of the network that the choices describe."""

    def conflict(self, choices: Choices) -> Conflict | None:
        """Events of the choices that alone break the budget; None exactly where it is kept to.

        The fewer and the wider, the more networks need not be tried.
        """

    def smallest_found(self, kept: Mapping[str, int] = {}) -> float:
        """The smallest cost of some networks that should be cheap, for messages.

        kept: the choices of decisions that are not open.
        """

    def surrogate(self, kept: Mapping[str, int] = {}) -> Sequence[SurrogateTerm]:
        """An estimate that adds up, for searching by gradient; kept as for `smallest_found`."""
