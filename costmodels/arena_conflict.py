"""Which choices put more into memory at once than a limit allows.

At a call everything is in use that it reads or writes, and all that a later call reads. In a cell
most of that follows from widths and depths; the edges decide how long the cell's own tensors stay.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from space.cell_blocks import has_process, sign_port
from space.decisions import Choices, depth_decision, op_decision, width_decision
from space.genotype import Genotype, kept_cells
from space.graph import Value
from space.search_space import KERNEL_SIZES, Cell, SearchSpace
from targets.lower import KernelCall, Scratch
from targets.memory import Buffer

Options = Mapping[str, frozenset[int]]
"""Decisions, each with the options under which something is so."""


def crowded_calls(
    genotype: Genotype,
    choices: Choices,
    calls: Sequence[KernelCall],
    found: Sequence[Buffer],
    *,
    limit: float,
) -> Iterator[Options]:
    """For each call with more than `limit` bytes in use: the options that suffice for as many."""
    by_name = {cell.name: cell for cell in kept_cells(genotype)}
    for index, call in enumerate(calls):
        in_use = [buffer for buffer in found if buffer.first <= index <= buffer.last]
        if sum(buffer.size_bytes for buffer in in_use) <= limit:
            continue
        cell = by_name.get(call.node.partition(".")[0])
        if cell is None:
            yield _layout_options(genotype, choices, call.node)
            continue
        step = _Step(genotype.space, choices, cell, call.node)
        reasons = [(buffer.size_bytes, step.reason(buffer)) for buffer in in_use]
        yield {
            **_cell_options(genotype, choices, cell),
            **_enough(reasons, limit=limit, given=step.given),
        }


def _enough(
    reasons: Sequence[tuple[int, Options]], *, limit: float, given: Options
) -> dict[str, frozenset[int]]:
    """The options of few buffers that together exceed the limit: without reason first, large first.

    Options of one decision are all needed, so what they have in common is.
    """
    needed, total = dict(given), 0
    for size_bytes, options in sorted(reasons, key=lambda each: (len(each[1]), -each[0])):
        for name, allowed in options.items():
            needed[name] = needed.get(name, allowed) & allowed
        total += size_bytes
        if total > limit:
            break
    return needed


def _layout_options(genotype: Genotype, choices: Choices, node: str) -> Options:
    """For the classifier and the stem: the width and depth of the stage beside them."""
    stage = len(genotype.space.stages) - 1 if node == "classifier" else 0
    names = (width_decision(stage), depth_decision(stage))
    return {name: frozenset({choices[name]}) for name in names}


def _cell_options(genotype: Genotype, choices: Choices, cell: Cell) -> Options:
    """The widths and depths under which a cell is there, reads and writes what it does."""
    space, stage = genotype.space, cell.stage
    depth = genotype.depths[stage]
    least, most = 0 if cell.index is None else cell.index + 1, space.stages[stage].max_cells
    kept = range(least, most + 1)
    if stage + 1 == len(space.stages):  # the last cell of all writes no signs
        kept = range(least, least + 1) if depth == least else range(least + 1, most + 1)
    found = {
        width_decision(stage): frozenset({choices[width_decision(stage)]}),
        depth_decision(stage): frozenset(kept),
    }
    if cell.is_reduction:
        before = (width_decision(stage - 1), depth_decision(stage - 1))
        found |= {name: frozenset({choices[name]}) for name in before}
    return found


@dataclass(frozen=True, slots=True)
class _Step:
    """One call within a cell: of its process or downsampling (node 0), or of a node's chain."""

    space: SearchSpace
    choices: Choices
    cell: Cell
    name: str

    @property
    def node(self) -> int:
        words = self.name.split(".")[1]
        return int(words.removeprefix("node")) if words.startswith("node") else 0

    @property
    def given(self) -> Options:
        """The options under which the call is there: a node's last block always is."""
        return self._own_convs() if self.name.count(".") == 2 else {}

    def reason(self, buffer: Buffer) -> Options:
        """The options under which a buffer that is in use at this call is so."""
        owner = buffer.owner
        if isinstance(owner, Scratch):
            return self._own_convs()
        source = self._source(owner)
        if source is None:
            return {}
        if owner.node == self.name or not owner.port.startswith("inner"):
            return {}
        return self._reader(owner, source)

    def _source(self, owner: Value) -> int | None:
        """The number of the node of this cell that a tensor is; None for other tensors."""
        cell, _, words = owner.node.partition(".")
        if cell != self.cell.name:
            is_entry = not has_process(self.space, reduction=self.cell.is_reduction)
            return 0 if is_entry else None
        if words.startswith(("down", "pool")):
            return None
        return int(words.split(".")[0].removeprefix("node")) if words != "process" else 0

    def _reader(self, owner: Value, source: int) -> Options:
        """An edge that reads a tensor now or later, or the convolutions that make this call."""
        if owner.node.count(".") == 2:  # a partial sum of the node itself
            return self._own_convs()
        is_sign = owner.port != "inner"
        if source == 0 and self.node <= 1 and not is_sign:
            return {}  # node 1 has no other source
        readers = [
            node
            for node in range(max(source + 1, self.node), self.space.nodes + 1)
            if self._reads(owner, source, node)
        ]
        reader = readers[-1]
        if reader == self.node and is_sign:
            return self._own_convs()
        return {op_decision(self.cell.group, reader, source): self._reading(is_sign=is_sign)}

    def _reads(self, owner: Value, source: int, node: int) -> bool:
        is_sign = owner.port != "inner"
        if is_sign and sign_port(self.space.form, source=source, node=node) != owner.port:
            return False
        choice = self.choices[op_decision(self.cell.group, node, source)]
        return choice in self._reading(is_sign=is_sign)

    def _reading(self, *, is_sign: bool) -> frozenset[int]:
        """The primitives that read a source's signs, or its real values."""
        return frozenset(
            number
            for number, name in enumerate(self.space.primitives)
            if name in KERNEL_SIZES or (name != "none" and not is_sign)
        )

    def _own_convs(self) -> Options:
        """Of the node's edges, the same convolutions, and none elsewhere."""
        convs = self._reading(is_sign=True)
        others = frozenset(range(len(self.space.primitives))) - convs
        edges = (op_decision(self.cell.group, self.node, j) for j in range(self.node))
        chosen = {edge: self.choices[edge] for edge in edges}
        return {
            edge: frozenset({choice}) if choice in convs else others
            for edge, choice in chosen.items()
        }
