"""What is watched of a search after every epoch: the gap, and signs of a collapse."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from torch import Tensor

from costmodels.selection import AnyBudget, most_probable
from costmodels.term_index import term_index
from space.cost_terms import cost_terms
from space.decisions import decisions
from space.genotype import genotype_of
from space.nn.supernet import Supernet
from space.search_space import SearchSpace

from .architecture_metrics import Probabilities, log_probabilities
from .collapse import Discretised, collapse_warnings
from .gap import Gap, GapImages, measured_gap
from .run_folder import Json


@dataclass(frozen=True, slots=True)
class Observation:
    """What an epoch shows: how far the supernet is from its network, and warnings in words."""

    gap: Gap
    collapse: tuple[str, ...]

    def row(self) -> dict[str, Json]:
        """What an epoch's metrics say of it."""
        gap = {**asdict(self.gap), "difference": self.gap.difference}
        return {"gap": gap, "collapse": list(self.collapse)}


class Watch:
    """Watches the searches of a space within budgets, on the same images in every epoch."""

    def __init__(
        self,
        space: SearchSpace,
        budgets: Sequence[AnyBudget],
        images: GapImages,
        kept: Mapping[str, int] = {},
    ) -> None:
        self._space, self._budgets, self._images, self._kept = space, budgets, images, kept
        self._terms = cost_terms(space)
        self._index = term_index(self._terms)

    def observed(
        self, supernet: Supernet, probabilities: Probabilities, shares: Tensor, *,
        searched: bool, last: bool,
    ) -> Observation:  # fmt: skip
        """Discretise the probabilities and measure; the supernet is left as it is.

        shares [budgets]: expected costs, as shares of the limits; searched: whether the
        architecture has learned yet; last: whether it learns no more.
        """
        fixed = {name: each.detach() for name, each in probabilities.items()}
        choices = most_probable(
            decisions(self._space),
            self._terms,
            log_probabilities(fixed, self._kept),
            self._budgets,
        )
        genotype = genotype_of(self._space, choices)
        gap = measured_gap(supernet, fixed, genotype, self._images)
        network = Discretised(self._space, choices, self._index, self._budgets, self._kept)
        if not searched:
            return Observation(gap, ())
        used_share = max(shares.tolist(), default=None)
        return Observation(
            gap, collapse_warnings(fixed, network, gap, used_share=used_share, last=last)
        )


def warn(observation: Observation, *, warned: bool) -> bool:
    """Say once in a run that it collapses; return whether it was said."""
    if not warned:
        sys.stderr.writelines(f"warning: {line}\n" for line in observation.collapse)
    return warned or bool(observation.collapse)
