"""What derive leaves of its ranking, as others read it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from space.strict_json import parse_known

DERIVED = "derive.json"


@dataclass(frozen=True, slots=True)
class RankedNetwork:
    """A network as a ranking's file tells it; costs as of a Candidate, early ones unmeasured."""

    choices: dict[str, int]
    accuracy: float
    cost: dict[str, float]
    measured: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Ranking:
    format: Literal[1]
    candidates: tuple[RankedNetwork, ...]


_RANKING = TypeAdapter(_Ranking)


def read_ranking(path: Path) -> tuple[RankedNetwork, ...]:
    """Return the networks of a ranking's file. Raises SpaceError where it is damaged."""
    return parse_known(path.read_bytes(), _RANKING, what=str(path)).candidates
