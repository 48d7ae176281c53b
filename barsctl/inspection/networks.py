"""Files that hold a network or choose some: genotypes, graphs, rankings and fronts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from barsctl.ranking_file import RankedNetwork, read_ranking
from space.decode import decode
from space.genotype import read_genotype
from space.graph_json import graph_from_json
from space.strict_json import parse_known

from .report import Details, Report, graph_details


@dataclass(frozen=True, slots=True)
class _Front:
    format: Literal[1]
    cost: str
    unit: str
    target: str
    judged: int
    points: tuple[RankedNetwork, ...]


_FRONT = TypeAdapter(_Front)


def genotype_report(path: Path) -> Report:
    """A genotype's choices, and what its network computes."""
    genotype = read_genotype(path)
    choices: Details = {
        "space": genotype.space.name,
        "widths": list(genotype.widths),
        "depths": list(genotype.depths),
    }
    return Report("genotype", choices | graph_details(decode(genotype)))


def graph_report(path: Path) -> Report:
    """What a graph's network computes."""
    graph = graph_from_json(path.read_bytes(), what=str(path))
    return Report("graph of a network", graph_details(graph))


def ranking_report(path: Path) -> Report:
    """The best network of a ranking, and how many there are."""
    found = read_ranking(path)
    return Report("ranking of derive", {"networks": len(found), **_best(found)})


def front_report(path: Path) -> Report:
    """What a front is drawn for, and its most accurate network, which comes last."""
    found = parse_known(path.read_bytes(), _FRONT, what=str(path))
    return Report(
        "front of pareto",
        {
            "cost": found.cost,
            "unit": found.unit,
            "target": found.target,
            "judged": found.judged,
            "networks": len(found.points),
            **_best(found.points[-1:]),
        },
    )


def _best(candidates: tuple[RankedNetwork, ...]) -> Details:
    if not candidates:
        return {}
    best = candidates[0]
    return {
        "best_accuracy": best.accuracy,
        "best_cost": dict(best.cost),
        "best_measured": dict(best.measured),
    }
