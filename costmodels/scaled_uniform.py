"""Uniform designs scaled to budgets: the widest of a kind and depth that keeps to them."""

from collections.abc import Sequence

from space.cost_terms import cost_terms
from space.genotype import Genotype, choices_of
from space.search_space import SearchSpace
from space.uniform import UniformKind, uniform_genotype

from .selection import AnyBudget, within
from .term_index import term_index


def widest_uniform(
    space: SearchSpace, kind: UniformKind, budgets: Sequence[AnyBudget], *, depth: int
) -> Genotype | None:
    """The widest design within all budgets, of those that the space's widths allow, else None.

    See `uniform_genotype` for depth, and for what is raised.
    """
    index = term_index(cost_terms(space))
    for width in sorted(space.widths, reverse=True):
        genotype = uniform_genotype(space, kind, depth=depth, width=width)
        if within(index, budgets, choices_of(genotype)):
            return genotype
    return None
