"""Candidates of a search: networks within budgets, judged by the search's weights, ranked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from costmodels.selection import AnyBudget, budget_cost, within
from costmodels.term_index import term_index
from space.cost_terms import cost_terms
from space.decisions import Choices
from space.genotype import Genotype, choices_of, genotype_of

from .halving import Outcome
from .judge import Judge
from .progress import progress_bar
from .ranks import own_ranks
from .run_folder import Json


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network within the budgets, with its accuracy on held-out images and shared weights.

    costs: of each budget, as predicted. measured: of those that it was compiled and measured for.
    trial: what it came to when it was tried, if it was.
    """

    genotype: Genotype
    accuracy: float
    log_probability: float
    costs: dict[str, float]
    measured: dict[str, float] = field(default_factory=dict)
    trial: Outcome | None = None


def evaluate(judge: Judge, choices: Sequence[Choices], *, what: str) -> None:
    """Judge networks, but for those that were judged before; every process one at a time."""
    best, together = 0.0, own_ranks().size
    with progress_bar(what, len(choices)) as advance:
        for first in range(0, len(choices), together):
            for share in judge.accuracies(choices[first : first + together]):
                best = max(best, share)
                advance(partial("accuracy {:.1%}  best {:.1%}".format, share, best))


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


def rank(
    candidates: Iterable[Candidate], *, error: float = 0.0, limits: Mapping[str, float] = {}
) -> tuple[Candidate, ...]:
    """Return the most accurate first; of equally accurate ones the more probable first.

    Accuracies within an error of the best are taken for equal to it: of those networks the one that
    makes most use of the limits, by budget, is first, since training on its own is to come.
    """
    found = sorted(candidates, key=lambda each: (-each.accuracy, -each.log_probability))
    best = found[0].accuracy if found else 0.0

    def unused(candidate: Candidate) -> float:
        shares = (candidate.costs[name] / limit for name, limit in limits.items())
        return 1 - max(shares, default=1.0)

    equal = [each for each in found if each.accuracy >= best - error]
    return (*sorted(equal, key=unused), *found[len(equal) :])


def rank_within(judge: Judge, limits: Sequence[AnyBudget]) -> tuple[Candidate, ...]:
    """Return all networks within the limits that were ever judged, ranked."""
    return rank(
        candidates_within(judge, limits),
        error=judge.sampling_error,
        limits={budget.name: budget.limit for budget in limits},
    )


def derived_json(ranking: Sequence[Candidate]) -> Json:
    """Return a ranking as scripts read it."""
    candidates: list[Json] = [
        candidate_json(each)
        | {
            "trial_epochs": each.trial.epochs if each.trial else 0,
            "trial_loss": each.trial.loss if each.trial else None,
            "trial_accuracy": each.trial.accuracy if each.trial else None,
        }
        for each in ranking
    ]
    return {"format": 1, "candidates": candidates}


def candidate_json(candidate: Candidate) -> dict[str, Json]:
    """Return a network as scripts read it."""
    return {
        "accuracy": candidate.accuracy,
        "log_probability": candidate.log_probability,
        "cost": dict(candidate.costs),
        "measured": dict(candidate.measured),
        "widths": list(candidate.genotype.widths),
        "depths": list(candidate.genotype.depths),
        "choices": dict(choices_of(candidate.genotype)),
    }
