"""The expected cost of a space's networks as a differentiable sum over its cost terms."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from space.cost_terms import Event
from space.decisions import Decisions


class Term(Protocol):
    """Something that costs where all events hold."""

    @property
    def events(self) -> tuple[Event, ...]: ...


class ExpectedCost(nn.Module):
    """Sum over terms of cost times probability; decisions are independent, so it is exact.

    costs: one per term, in the unit of the result.
    """

    members: Tensor
    events: Tensor
    costs: Tensor

    def __init__(self, terms: Sequence[Term], decisions: Decisions, costs: Sequence[float]) -> None:
        super().__init__()
        self.decisions = tuple(decisions)
        known = list(dict.fromkeys(event for term in terms for event in term.events))
        number = {event: index for index, event in enumerate(known)}
        certain = len(known)
        longest = max((len(term.events) for term in terms), default=0)
        table = [
            [number[event] for event in term.events] + [certain] * (longest - len(term.events))
            for term in terms
        ]
        self.register_buffer("members", _members(known, decisions), persistent=False)
        self.register_buffer("events", torch.tensor(table, dtype=torch.long), persistent=False)
        self.register_buffer("costs", torch.tensor(costs, dtype=torch.float64), persistent=False)

    def forward(self, probabilities: Mapping[str, Tensor]) -> Tensor:
        """The expected cost as a float64 scalar; probabilities per decision, as of the supernet."""
        options = torch.cat([probabilities[name] for name in self.decisions]).to(self.members)
        of_events = torch.cat([self.members @ options, options.new_ones(1)])
        return of_events[self.events].prod(dim=1) @ self.costs


def _members(events: Sequence[Event], decisions: Decisions) -> Tensor:
    """[events, options of all decisions]: 1 where an option belongs to an event."""
    start, at = {}, 0
    for name, options in decisions.items():
        start[name] = at
        at += len(options)
    members = torch.zeros(len(events), at, dtype=torch.float64)
    for row, event in enumerate(events):
        members[row, [start[event.decision] + option for option in event.options]] = 1
    return members
