"""The expected cost of a space's networks as a differentiable sum over its cost terms.

Decisions are independent, but for one rule: something leads to every node. So the mean is over the
networks that keep to it: probabilities of a node's edges are divided by that of not all being
`none`.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from space.cost_terms import Event
from space.decisions import Decisions, node_decisions

NONE = "none"
# Of a node: rarer, and what is expected of it no longer grows.
LEAST_REACHED = 1e-6


class Term(Protocol):
    """Something that costs where all events hold."""

    @property
    def events(self) -> tuple[Event, ...]: ...


class ExpectedCost(nn.Module):
    """Sum over terms of cost times probability, exact.

    A term's events are of one node's edges at most. costs: one per term, in the unit of the result.
    """

    members: Tensor
    events: Tensor
    others: Tensor
    nodes: Tensor
    with_none: Tensor
    costs: Tensor

    def __init__(self, terms: Sequence[Term], decisions: Decisions, costs: Sequence[float]) -> None:
        super().__init__()
        self.decisions = tuple(decisions)
        known = list(dict.fromkeys(event for term in terms for event in term.events))
        number = {event: index for index, event in enumerate(known)}
        of_nodes = node_decisions(decisions)
        self._edges = [edges for edges in of_nodes.values() if NONE in decisions[edges[0]]]
        node_of = {edge: node for node, edges in enumerate(self._edges) for edge in edges}
        found = [_parted(term.events, node_of) for term in terms]
        self._none = {edge: decisions[edge].index(NONE) for edge in node_of}
        tables = {
            "events": [[number[each] for each in term.events] for term in terms],
            "others": [[number[each] for each in others] for others, _, _ in found],
        }
        for name, rows in tables.items():
            self.register_buffer(name, _padded(rows, len(known)), persistent=False)
        # Behind the last one, a node that is always reached.
        nodes = [len(self._edges) if node is None else node for _, _, node in found]
        with_none = [
            float(node is not None and all(self._none[e.decision] in e.options for e in own))
            for _, own, node in found
        ]
        self.register_buffer("nodes", torch.tensor(nodes, dtype=torch.long), persistent=False)
        self.register_buffer("with_none", torch.tensor(with_none).double(), persistent=False)
        self.register_buffer("members", _members(known, decisions), persistent=False)
        self.register_buffer("costs", torch.tensor(costs, dtype=torch.float64), persistent=False)

    def forward(self, probabilities: Mapping[str, Tensor]) -> Tensor:
        """The expected cost as a float64 scalar; probabilities per decision, as of the supernet."""
        options = torch.cat([probabilities[name] for name in self.decisions]).to(self.members)
        of_events = torch.cat([self.members @ options, options.new_ones(1)])
        unreached = torch.stack(
            [
                torch.stack([probabilities[edge][self._none[edge]] for edge in edges]).prod()
                for edges in self._edges
            ]
            + [options.new_zeros(())]
        ).to(options)
        reached = (1 - unreached).clamp(min=LEAST_REACHED)
        both = of_events[self.events].prod(dim=1)
        neither = of_events[self.others].prod(dim=1) * unreached[self.nodes] * self.with_none
        return ((both - neither) / reached[self.nodes]) @ self.costs


def _parted(
    events: Sequence[Event], node_of: Mapping[str, int]
) -> tuple[list[Event], list[Event], int | None]:
    """The events of other decisions, those of a node's edges, and the node, if there is one."""
    own = [event for event in events if event.decision in node_of]
    nodes = {node_of[event.decision] for event in own}
    assert len(nodes) <= 1
    return [event for event in events if event not in own], own, next(iter(nodes), None)


def _padded(rows: Sequence[Sequence[int]], filler: int) -> Tensor:
    """The rows as one table [rows, longest], filled up with what is certain."""
    longest = max(map(len, rows), default=0)
    table = [[*row, *[filler] * (longest - len(row))] for row in rows]
    return torch.tensor(table, dtype=torch.long).view(len(rows), longest)


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
