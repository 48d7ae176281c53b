"""Deriving: the most accurate network that a search stands for, within the budget."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from costmodels.selection import AnyBudget, budget_cost, most_probable, within
from costmodels.term_index import term_index
from space.cost_terms import cost_terms
from space.decisions import Choices, decisions, is_connected
from space.genotype import Genotype, choices_of, genotype_of, write_genotype
from space.search_space import SearchSpace

from .budgets import Budget
from .judge import Judge, JudgeSettings, LogProbabilities, open_judge
from .judged import identity
from .progress import progress_bar
from .run_folder import GENOTYPE, Json, write_json
from .search_run import read_search_config, run_budgets

DERIVED = "derive.json"
TRIES_PER_CANDIDATE = 50
# A decided architecture has few networks within a budget below its own; flatter ones have more.
FLATTENINGS = (1.0, 2.0, 4.0, 8.0, 16.0)


@dataclass(frozen=True, slots=True)
class DeriveSettings:
    """How many networks are compared, and how they are judged."""

    candidates: int = 10
    judge: JudgeSettings = field(default_factory=JudgeSettings)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network within the budgets, with its accuracy on held-out images and shared weights."""

    genotype: Genotype
    accuracy: float
    log_probability: float
    costs: dict[str, float]


def derive(
    folder: Path,
    settings: DeriveSettings,
    *,
    device: torch.device,
    budgets: Sequence[Budget] | None = None,
    tables: Sequence[str] | None = None,
) -> tuple[Candidate, ...]:
    """Return networks of a search run within the budgets, the most accurate first.

    It goes to the run's genotype.json, the ranking to derive.json. What was judged before, for
    another budget too, is compared again without computing it. budgets: None for those of the
    search; tables: None likewise. Raises BudgetUnreachable where no network keeps to them.
    """
    config = read_search_config(folder)
    asked = config.budgets if budgets is None else tuple(budgets)
    hard = run_budgets(config, asked, tables=tables)
    judge = open_judge(folder, config, settings.judge, device=device)
    choices = candidate_choices(
        config.space, judge.log_probabilities, hard,
        count=settings.candidates, generator=np.random.default_rng(settings.judge.seed),
    )  # fmt: skip
    evaluate(judge, choices, what="derive")
    ranking = rank(candidates_within(judge, hard))[: settings.candidates]
    write_genotype(ranking[0].genotype, folder / GENOTYPE)
    write_json(folder / DERIVED, derived_json(ranking))
    return ranking


def evaluate(judge: Judge, choices: Sequence[Choices], *, what: str) -> None:
    """Judge networks, but for those that were judged before."""
    best = 0.0
    with progress_bar(what, len(choices)) as advance:
        for each in choices:
            share = judge.accuracy(each)
            best = max(best, share)
            advance(f"accuracy {share:.1%}  best {best:.1%}")


def candidates_within(judge: Judge, budgets: Sequence[AnyBudget]) -> list[Candidate]:
    """Return all networks within the budgets that were ever judged with the search's weights."""
    index = term_index(cost_terms(judge.space))
    return [
        Candidate(
            genotype_of(judge.space, row.choices),
            row.accuracy,
            float(sum(judge.log_probabilities[name][each] for name, each in row.choices.items())),
            {budget.name: budget_cost(index, budget, row.choices) for budget in budgets},
        )
        for row in judge.known.rows.values()
        if within(index, budgets, row.choices)
    ]


def rank(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Return the most accurate first; of equally accurate ones the more probable first."""
    return tuple(sorted(candidates, key=lambda each: (-each.accuracy, -each.log_probability)))


def candidate_choices(
    space: SearchSpace,
    log_probabilities: LogProbabilities,
    budgets: Sequence[AnyBudget],
    *,
    count: int,
    generator: np.random.Generator,
) -> list[Choices]:
    """Return the most probable network within the budgets and up to count - 1 samples within them.

    The samples are drawn from the probabilities, from flatter ones where those give too few; they
    are all different and keep to the budgets.
    Raises BudgetUnreachable where no network does.
    """
    options, terms = decisions(space), cost_terms(space)
    index = term_index(terms)
    best = most_probable(options, terms, log_probabilities, budgets)
    found, tried = [best], {identity(genotype_of(space, best))}
    for flattening in np.repeat(FLATTENINGS, TRIES_PER_CANDIDATE * count):
        if len(found) >= count:
            break
        choices = {
            name: _draw(values / flattening, generator)
            for name, values in log_probabilities.items()
        }
        if not is_connected(options, choices):
            continue
        network = identity(genotype_of(space, choices))
        if network not in tried and within(index, budgets, choices):
            found.append(choices)
        tried.add(network)
    return found


def _draw(log_weights: NDArray[np.float64], generator: np.random.Generator) -> int:
    weights = np.exp(log_weights - log_weights.max())
    return int(generator.choice(len(weights), p=weights / weights.sum()))


def derived_json(ranking: Sequence[Candidate]) -> Json:
    """Return a ranking as scripts read it."""
    return {"format": 1, "candidates": [candidate_json(each) for each in ranking]}


def candidate_json(candidate: Candidate) -> dict[str, Json]:
    """Return a network as scripts read it."""
    return {
        "accuracy": candidate.accuracy,
        "log_probability": candidate.log_probability,
        "cost": dict(candidate.costs),
        "widths": list(candidate.genotype.widths),
        "depths": list(candidate.genotype.depths),
        "choices": dict(choices_of(candidate.genotype)),
    }
