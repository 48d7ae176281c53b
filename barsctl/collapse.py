"""When a search collapses: the rules, their thresholds, and words that name the remedy.

Differentiable searches like what has no weights: it helps while the weights are young, and is never
left again (arXiv 1909.06035, 1909.09656). Binary weights learn slower and make that worse (BARS,
arXiv 2011.10804). Or the probabilities stand for another network than the mixture that was trained.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean

from costmodels.selection import AnyBudget, within
from costmodels.term_index import TermIndex
from space.decisions import Choices, edge_decisions, op_decision, width_decision
from space.genotype import genotype_of, kept_cells
from space.search_space import KERNEL_SIZES, SearchSpace

from .architecture_metrics import Probabilities, group_entropies
from .candidates import USED_SHARE
from .gap import Gap

DECIDED = 0.5
"""The probability of an option that outweighs all others together."""
SETTLED_ENTROPY = 0.5
"""Of the open edges' groups, else of widths and depths, in the mean, 1 being uniform."""
LARGEST_GAP = 0.15
"""Of accuracy. Sound searches end at 0.00 to 0.06, and chance, on 512 images, is 0.03."""


@dataclass(frozen=True, eq=False, slots=True)
class Discretised:
    """The network that probabilities stand for: the most probable one within the budgets.

    kept: the choices of decisions that the search does not make.
    """

    space: SearchSpace
    choices: Choices
    index: TermIndex
    budgets: Sequence[AnyBudget]
    kept: Mapping[str, int] = field(default_factory=dict)

    @property
    def edges(self) -> tuple[str, ...]:
        """The open decisions on edges of the cells that it has."""
        cells = kept_cells(genotype_of(self.space, self.choices))
        edges = (
            op_decision(group, node, source)
            for group in dict.fromkeys(cell.group for cell in cells)
            for node in range(1, self.space.nodes + 1)
            for source in range(node)
        )
        return tuple(edge for edge in edges if edge not in self.kept)

    @property
    def is_needlessly_narrow(self) -> bool:
        """Whether every stage has the smallest width, though a wider one keeps to the budgets."""
        ascending = sorted(self.space.widths)
        stages = map(width_decision, range(len(self.space.stages)))
        smallest, *wider = map(self.space.widths.index, ascending)
        open_and_narrow = [
            stage not in self.kept and self.choices[stage] == smallest for stage in stages
        ]
        if not wider or not all(open_and_narrow):
            return False
        return any(
            within(self.index, self.budgets, {**self.choices, width_decision(stage): wider[0]})
            for stage in range(len(self.space.stages))
        )


def collapse_warnings(
    probabilities: Probabilities, network: Discretised, gap: Gap, *,
    used_share: float | None, last: bool,
) -> tuple[str, ...]:  # fmt: skip
    """Return a line per rule that is broken.

    used_share: of the tightest budget, by the expected cost, None without budgets: where that fills
    a budget, a cheaper most probable network is the cheap half of a mixture, and `derive` compares
    others. last: nothing will be decided any more.
    """
    if not last and not _is_settled(probabilities, network.kept):
        return ()
    decided = _decided_primitives(probabilities, network)
    is_cheap = used_share is None or used_share < USED_SHARE
    return tuple(
        f"the search collapses: {line}"
        for line in (
            _without_weights(decided, network.space, used_share) if is_cheap else None,
            _narrow(network, used_share) if is_cheap else None,
            _large_gap(gap),
        )
        if line is not None
    )


def _is_settled(probabilities: Probabilities, kept: Mapping[str, int]) -> bool:
    """Whether so much is decided that a network can be expected of the search."""
    open_ones = {name: each for name, each in probabilities.items() if name not in kept}
    edges = {name: open_ones[name] for name in edge_decisions(open_ones)}
    entropies = group_entropies(edges or open_ones).values()
    return bool(entropies) and mean(map(float, entropies)) <= SETTLED_ENTROPY


def parameter_free_share(primitives: Sequence[str]) -> float:
    """Return the share of primitives without weights, `none` and `skip`; 0 of nothing."""
    free = sum(primitive not in KERNEL_SIZES for primitive in primitives)
    return free / len(primitives) if primitives else 0.0


def _decided_primitives(probabilities: Probabilities, network: Discretised) -> list[str]:
    primitives = network.space.primitives
    edges = (probabilities[edge] for edge in network.edges)
    return [primitives[int(each.argmax())] for each in edges if float(each.max()) >= DECIDED]


def _without_weights(
    decided: Sequence[str], space: SearchSpace, used_share: float | None
) -> str | None:
    """Halfway from what chance gives to nothing else: 0.83 of none, skip and one convolution."""
    most = (1 + parameter_free_share(space.primitives)) / 2
    share = parameter_free_share(decided)
    if share <= most:
        return None
    return (
        f"{share:.0%} of the decided edges have no weights (none, skip; more than {most:.0%}), and "
        f"{_cheap(used_share)}; search again with more --warmup-epochs, a lower "
        "--architecture-learning-rate or --entropy below 0"
    )


def _narrow(network: Discretised, used_share: float | None) -> str | None:
    if not network.is_needlessly_narrow:
        return None
    wider = "" if used_share is None else " and a wider network keeps to it"
    return (
        f"every stage has its smallest width, though {_cheap(used_share)}{wider}; search again "
        "with more --warmup-epochs or --entropy below 0"
    )


def _cheap(used_share: float | None) -> str:
    if used_share is None:
        return "no budget asks for that"
    return f"the expected cost is {used_share:.0%} of the budget"


def _large_gap(gap: Gap) -> str | None:
    if gap.difference <= LARGEST_GAP:
        return None
    return (
        f"the mixture labels {gap.relaxed:.0%} of the held-out images rightly, the network that it "
        f"stands for {gap.discretised:.0%} (more than {LARGEST_GAP:.0%} less); search again with "
        "more --epochs, --entropy above 0 or a lower --architecture-learning-rate"
    )
