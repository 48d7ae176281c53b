"""The part of a given network that a search keeps: its layout or its topology."""

from pathlib import Path
from typing import Literal

from space.decisions import Choices, edge_decisions
from space.genotype import Genotype, choices_of, read_genotype
from space.search_space import SearchSpace

from .errors import BarsError

Part = Literal["layout", "topology"]


def kept_part(genotype: Genotype, part: Part) -> Choices:
    """Return the choices of all widths and depths, or of all primitives."""
    choices = choices_of(genotype)
    edges = edge_decisions(choices)
    return {
        name: option for name, option in choices.items() if (name in edges) == (part == "topology")
    }


def read_kept_part(part: Part | None, like: Path | None, *, space: SearchSpace) -> Choices:
    """Return the part of a genotype file's network; nothing where nothing is to be kept.

    Raises BarsError where one of the two is missing, the file cannot be read or is of another
    space, SpaceError where it breaks a rule.
    """
    if part is None and like is None:
        return {}
    if like is None:
        raise BarsError(f"--keep {part} needs a network to keep it of; give --like GENOTYPE.json")
    if part is None:
        raise BarsError(f"--like {like} is of no use without --keep layout or --keep topology")
    try:
        genotype = read_genotype(like)
    except OSError as error:
        raise BarsError(
            f"--like {like} cannot be read ({error}); give a genotype.json, as derive writes it"
        ) from error
    if genotype.space != space:
        raise BarsError(
            f"--like {like} is a network of another space, {genotype.space.name} of "
            f"{genotype.space.image_size} pixels; give one of {space.name} of "
            f"{space.image_size} pixels, searched on such images by this version"
        )
    return kept_part(genotype, part)
