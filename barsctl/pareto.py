"""The front of a search: its most accurate network for every latency, by the shared weights."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from costmodels.errors import BudgetUnreachable
from costmodels.latency_table import LatencyTable
from costmodels.protocol import term_costs
from costmodels.selection import AddedBudget, AnyBudget, smallest_cost
from space.cost_terms import cost_terms
from space.decisions import Choices, decisions
from space.genotype import genotype_of

from .budgets import Budget, format_cost
from .candidates import candidate_choices
from .errors import BarsError
from .folder_lock import derive_lock
from .front_plot import write_front_plot
from .judge import Judge, JudgeSettings, open_judge
from .network_rows import kept_choices
from .pricing import hard_budgets, read_latency_table
from .ranking import Candidate, candidate_json, candidates_within, evaluate
from .run_folder import Json, write_json
from .search_run import SearchConfig, read_search_config

FRONT, PLOT = "pareto.json", "pareto.svg"


@dataclass(frozen=True, slots=True)
class ParetoSettings:
    """How many limits are tried, and how many networks within each."""

    points: int = 8
    candidates: int = 10
    judge: JudgeSettings = field(default_factory=JudgeSettings)


@dataclass(frozen=True, slots=True)
class Front:
    """Networks that none is both cheaper and more accurate than, by rising cost.

    name, unit: of what the table says. judged: (cost, accuracy) of all networks they are among.
    """

    name: str
    unit: str
    target: str
    points: tuple[Candidate, ...]
    judged: tuple[tuple[float, float], ...]


def pareto(
    folder: Path,
    settings: ParetoSettings,
    *,
    device: torch.device,
    out: Path,
    budgets: Sequence[Budget] = (),
    table: str | None = None,
) -> Front:
    """Return the front of a search run and leave it in pareto.json and pareto.svg.

    budgets: what every network keeps to besides. table: None for the run's own one.
    Raises BarsError where there is not one table, BudgetUnreachable where no network is within the
    budgets, FolderInUseError where a derive or another pareto is at work in the folder.
    """
    config = read_search_config(folder)
    times = _the_table(config, table)
    others = hard_budgets(budgets, config.space, tables=(times,))
    out.mkdir(parents=True, exist_ok=True)
    with derive_lock(folder):
        judge = open_judge(folder, config, settings.judge, device=device)
        priced = _priced(judge, times)
        evaluate(judge, _choices(judge, settings, priced, others), what="pareto")
        found = candidates_within(judge, (priced, *others))
    front = Front(
        priced.name,
        priced.unit,
        times.header.target,
        non_dominated(found, priced.name),
        tuple(_spot(each, priced.name) for each in found),
    )
    write_json(out / FRONT, front_json(front))
    spots = [_spot(each, front.name) for each in front.points]
    write_front_plot(
        out / PLOT, front.judged, spots, cost_label=f"{front.name} on {front.target}",
        format_cost=lambda cost: format_cost(front.name, cost),
    )  # fmt: skip
    return front


def _spot(candidate: Candidate, cost: str) -> tuple[float, float]:
    return candidate.costs[cost], candidate.accuracy


def _the_table(config: SearchConfig, table: str | None) -> LatencyTable:
    paths = config.tables if table is None else (table,)
    if len(paths) != 1:
        raise BarsError(
            f"the search has {len(paths)} tables, and a front is drawn for one board; "
            "give its --table FILE"
        )
    return read_latency_table(Path(paths[0]))


def _priced(judge: Judge, times: LatencyTable) -> AddedBudget:
    """The table's costs, limited by the dearest network."""
    terms, options = cost_terms(judge.space), decisions(judge.space)
    costs = term_costs(times, terms)
    smallest_gain, _ = smallest_cost(options, terms, -costs, judge.log_probabilities)
    return AddedBudget(times.name, times.unit, costs, -smallest_gain)


def _choices(
    judge: Judge, settings: ParetoSettings, priced: AddedBudget, others: Sequence[AnyBudget]
) -> list[Choices]:
    """Different networks within limits from the cheapest network's cost to the dearest one's."""
    cheapest, _ = smallest_cost(
        decisions(judge.space), cost_terms(judge.space), priced.costs, judge.log_probabilities
    )
    found: dict[object, Choices] = {}
    unreachable: BudgetUnreachable | None = None
    for limit in np.geomspace(cheapest, priced.limit, settings.points):
        try:
            choices = candidate_choices(
                judge.space, judge.log_probabilities,
                (replace(priced, limit=float(limit)), *others), count=settings.candidates,
                generator=np.random.default_rng(settings.judge.seed),
            )  # fmt: skip
        except BudgetUnreachable as error:
            unreachable = error
            continue
        found |= {kept_choices(genotype_of(judge.space, each)): each for each in choices}
    if unreachable is not None and not found:
        raise unreachable
    return list(found.values())


def non_dominated(candidates: Iterable[Candidate], cost: str) -> tuple[Candidate, ...]:
    """Return those that no other is cheaper than and as accurate as, or more accurate at no more.

    cost: the name of what they are compared by. Of equal ones the more probable stays.
    """
    front: list[Candidate] = []
    by_cost = sorted(
        candidates, key=lambda each: (each.costs[cost], -each.accuracy, -each.log_probability)
    )
    for candidate in by_cost:
        if not front or candidate.accuracy > front[-1].accuracy:
            front.append(candidate)
    return tuple(front)


def front_json(front: Front) -> Json:
    """Return a front as scripts read it."""
    return {
        "format": 1,
        "cost": front.name,
        "unit": front.unit,
        "target": front.target,
        "judged": len(front.judged),
        "points": [candidate_json(each) for each in front.points],
    }
