"""Cost terms as tables: what each node's edges cost under each layout.

Widths and depths are the layout; the edges into one node are chosen together. Given a layout the
nodes' costs are independent of each other, which is what makes exact selection cheap.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from space.cost_terms import CostTerm, Event
from space.decisions import Decisions, node_decisions

from .errors import CostError

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
MAX_LAYOUTS = 2_000_000


@dataclass(frozen=True, eq=False, slots=True)
class Layouts:
    """All assignments of some decisions: options[name] is [assignments]."""

    names: tuple[str, ...]
    counts: tuple[int, ...]
    options: dict[str, Ints]

    @property
    def size(self) -> int:
        return int(np.prod(self.counts, dtype=np.int64))

    def index_of(self, larger: "Layouts") -> Ints:
        """For each assignment of `larger`, which also has these decisions, the one of these."""
        if not self.names:
            return np.zeros(larger.size, np.intp)
        index: Ints = np.ravel_multi_index(
            tuple(larger.options[name] for name in self.names), self.counts
        )
        return index


def layouts(options: Decisions, names: Sequence[str]) -> Layouts:
    """All assignments of the named decisions, the last one varying fastest."""
    counts = tuple(len(options[name]) for name in names)
    size = int(np.prod(counts, dtype=np.int64))
    if size > MAX_LAYOUTS:
        raise CostError(
            f"{size} layouts of widths and depths; at most {MAX_LAYOUTS} can be compared: take "
            "fewer stages, widths or cells"
        )
    columns = np.unravel_index(np.arange(size), counts) if names else ()
    return Layouts(tuple(names), counts, dict(zip(names, columns, strict=True)))


@dataclass(frozen=True, eq=False, slots=True)
class NodeTable:
    """The choices of one node's edges: the best of each cost, or all of them.

    edges: decisions; combos [combos, edges]: options; values [combos]: log probabilities;
    costs [budgets, layouts, combos]. Terms without edges are a node with none and one combo.
    """

    edges: tuple[str, ...]
    combos: Ints
    values: Floats
    layouts: Layouts
    costs: Floats


def node_tables(
    options: Decisions,
    terms: Sequence[CostTerm],
    *,
    costs: Floats,
    log_probabilities: Mapping[str, Floats],
    all_combos: bool = False,
) -> tuple[NodeTable, ...]:
    """One table per node, and one for the terms that depend on no edge; costs [budgets, terms].

    log_probabilities: an option of -inf is not allowed, and in no combo.
    all_combos: also those that cost the same in every layout as a more probable one.
    Raises CostError where a term depends on the edges of two nodes.
    """
    nodes = {"": (), **node_decisions(options)}
    node_of = {edge: node for node, edges in nodes.items() for edge in edges}
    term_numbers: dict[str, list[int]] = {node: [] for node in nodes}
    for number, term in enumerate(terms):
        term_numbers[_node_of(term, node_of)].append(number)
    return tuple(
        _node_table(
            options, edges, [terms[number] for number in term_numbers[node]],
            costs=costs[:, term_numbers[node]], log_probabilities=log_probabilities,
            all_combos=all_combos,
        )
        for node, edges in nodes.items()
    )  # fmt: skip


def _node_of(term: CostTerm, node_of: Mapping[str, str]) -> str:
    nodes = {node_of[event.decision] for event in term.events if event.decision in node_of}
    if len(nodes) > 1:
        raise CostError(f"{term}: depends on edges of {sorted(nodes)}; must be of one node")
    return nodes.pop() if nodes else ""


def _node_table(
    options: Decisions,
    edges: tuple[str, ...],
    terms: Sequence[CostTerm],
    *,
    costs: Floats,
    log_probabilities: Mapping[str, Floats],
    all_combos: bool,
) -> NodeTable:
    combos = _connected_combos(options, edges)
    values = np.zeros(len(combos))
    for column, edge in enumerate(edges):
        values += log_probabilities[edge][combos[:, column]]
    combos, values = combos[values > -np.inf], values[values > -np.inf]
    factors = _factors(options, edges, terms, costs=costs, combos=combos)
    kept = np.arange(len(combos))
    if not all_combos:
        kept = _best_of_each_cost(values, [table for _, table in factors])
    used = {name for part, _ in factors for name in part.names}
    whole = layouts(options, [name for name in options if name in used])
    total = np.zeros((len(costs), whole.size, len(kept)))
    for part, table in factors:
        total += table[:, part.index_of(whole)][:, :, kept]
    return NodeTable(edges, combos[kept], values[kept], whole, total)


def _connected_combos(options: Decisions, edges: tuple[str, ...]) -> Ints:
    """Options of all edges, but for those that leave the node without an edge."""
    combos = [
        combo
        for combo in product(*(range(len(options[edge])) for edge in edges))
        if not edges or any(options[e][o] != "none" for e, o in zip(edges, combo, strict=True))
    ]
    return np.array(combos, np.intp).reshape(len(combos), len(edges))


def _factors(
    options: Decisions, edges: tuple[str, ...], terms: Sequence[CostTerm], *,
    costs: Floats, combos: Ints,
) -> list[tuple[Layouts, Floats]]:  # fmt: skip
    """Costs [budgets, layouts, combos] of the terms that depend on the same layout decisions."""
    numbers: dict[tuple[str, ...], list[int]] = {}
    for number, term in enumerate(terms):
        used = {event.decision for event in term.events} - set(edges)
        numbers.setdefault(tuple(name for name in options if name in used), []).append(number)
    columns = {edge: combos[:, column] for column, edge in enumerate(edges)}
    found = []
    for names, group in numbers.items():
        part = layouts(options, names)
        in_layout = _holding([terms[n] for n in group], part.options, size=part.size)
        in_combo = _holding([terms[n] for n in group], columns, size=len(combos))
        table = np.einsum("bt,tl,tc->blc", costs[:, group], in_layout, in_combo, optimize=True)
        found.append((part, table))
    return found


def _holding(terms: Sequence[CostTerm], chosen: Mapping[str, Ints], *, size: int) -> Floats:
    """[terms, size]: 1 where all events on the chosen decisions hold, else 0."""
    found = np.ones((len(terms), size))
    for row, term in zip(found, terms, strict=True):
        for event in term.events:
            if event.decision in chosen:
                row *= _holds(event, chosen[event.decision])
    return found


def _holds(event: Event, options: Ints) -> NDArray[np.bool_]:
    return np.isin(options, list(event.options))


def _best_of_each_cost(values: Floats, tables: Sequence[Floats]) -> Ints:
    """Of the combos that cost the same in every layout, the one of the largest value."""
    if not tables:
        return np.array([np.argmax(values)])
    rows = np.concatenate([table.reshape(-1, len(values)) for table in tables])
    best: dict[bytes, int] = {}
    for combo in np.argsort(-values, kind="stable"):
        best.setdefault(rows[:, combo].tobytes(), int(combo))
    return np.array(sorted(best.values()), np.intp)
