"""Exact costs of given choices, fast: cost terms as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from space.cost_terms import CostTerm, Event
from space.decisions import Choices


@dataclass(frozen=True, eq=False, slots=True)
class TermIndex:
    """Distinct events, and for each term [terms, most events] which of them must hold.

    Terms of fewer events are filled up with one that always holds, at the end.
    """

    events: tuple[Event, ...]
    event_numbers: NDArray[np.intp]


def term_index(terms: Sequence[CostTerm]) -> TermIndex:
    """The index of a space's terms; build it once."""
    number_of: dict[Event, int] = {}
    for term in terms:
        for event in term.events:
            number_of.setdefault(event, len(number_of))
    most = max((len(term.events) for term in terms), default=0)
    numbers = np.full((len(terms), most), len(number_of), np.intp)
    for row, term in zip(numbers, terms, strict=True):
        row[: len(term.events)] = [number_of[event] for event in term.events]
    return TermIndex(tuple(number_of), numbers)


def held_terms(index: TermIndex, choices: Choices) -> NDArray[np.bool_]:
    """[terms]: whether each term's block exists under the choices."""
    held = np.array([event.holds(choices) for event in index.events] + [True])
    exists: NDArray[np.bool_] = np.all(held[index.event_numbers], axis=1)
    return exists


def choices_cost(index: TermIndex, costs: NDArray[np.float64], choices: Choices) -> float:
    """The exact cost of the network that the choices describe; costs [terms]."""
    return float(costs[held_terms(index, choices)].sum())
