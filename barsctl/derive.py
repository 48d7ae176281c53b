"""Deriving: the most accurate network that a search stands for, within the budget."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from costmodels.errors import BudgetUnreachable
from costmodels.selection import AnyBudget, budget_cost, within
from costmodels.term_index import term_index
from space.cost_terms import cost_terms
from space.decisions import Choices
from space.genotype import Genotype, choices_of, genotype_of, write_genotype
from targets.measuring.place import Place
from targets.toolchain import Notify

from .board_budgets import BoardBudget, board_budgets, tightened
from .budgets import Budget
from .candidates import candidate_choices
from .errors import BarsError, DivergedError
from .judge import Judge, JudgeSettings, open_judge
from .measured_log import MEASURED, MeasuredLog, read_measured
from .network_rows import kept_choices
from .pricing import hard_budgets
from .progress import progress_bar
from .ranks import own_ranks
from .run_folder import GENOTYPE, Json, write_json
from .search_run import SearchConfig, read_search_config, run_tables
from .train_settings import TrainSettings
from .trials import Trials, open_trials, tried_in_turn

DERIVED = "derive.json"
# Rounds of candidates, each within tighter limits, until one is measured within the budget.
MOST_ROUNDS = 4
MARGIN = 0.99
# Networks, judged or not, of which trials pick those of the least promised loss.
PROPOSED = 256
# Of a training, a trial is the first fifth: the second epoch of ten was found to rank networks.
TRIALS_IN_TRAINING = 5


@dataclass(frozen=True, slots=True)
class DeriveSettings:
    """How many networks are compared, and how they are judged.

    measured: whether latencies are measured on whole networks, or the tables' word is taken. place:
    where, None for where the table was measured. trials: how many networks are trained on their own
    for trial_epochs, to be ranked by their loss: see trials.py.
    """

    candidates: int = 20
    judge: JudgeSettings = field(default_factory=JudgeSettings)
    measured: bool = True
    place: Place | None = None
    trials: int = 0
    trial_epochs: int = 2

    def __post_init__(self) -> None:
        if self.trials > self.candidates:
            raise BarsError(
                f"{self.trials} trials, and {self.candidates} candidates to be ranked: the tried "
                "ones are ranked first; try fewer, or compare more candidates"
            )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network within the budgets, with its accuracy on held-out images and shared weights.

    costs: of each budget, as predicted. measured: of those that it was compiled and measured for.
    trial_loss: the mean training loss in the last epoch of its trial, if it was tried.
    """

    genotype: Genotype
    accuracy: float
    log_probability: float
    costs: dict[str, float]
    measured: dict[str, float] = field(default_factory=dict)
    trial_loss: float | None = None


def derive(
    folder: Path,
    settings: DeriveSettings,
    *,
    device: torch.device,
    notify: Notify,
    budgets: Sequence[Budget] | None = None,
    tables: Sequence[str] | None = None,
) -> tuple[Candidate, ...]:
    """Return networks of a search run within the budgets, ranked.

    Those that were tried come first, by their loss, then the others: see `rank`. The first was
    measured within them, where tables price a budget: a network that is not gives way to the next.
    It goes to the run's genotype.json, the ranking to derive.json. What was judged, tried or
    measured before, for another budget too, is not again. budgets: None for those of the search;
    tables: None likewise. Raises BudgetUnreachable where no network keeps to them, BarsError where
    another board answers than the table's, or none.
    """
    config = read_search_config(folder)
    asked = config.budgets if budgets is None else tuple(budgets)
    found = run_tables(config, asked, tables=tables)
    hard = hard_budgets(asked, config.space, tables=found)
    boards = board_budgets(asked, found, settings.place) if settings.measured else ()
    log = read_measured(folder / MEASURED)
    for board in boards:  # judging takes minutes
        board.require_ready(log)
    judge = open_judge(folder, config, settings.judge, device=device)
    trials = _opened_trials(folder, config, judge, settings) if settings.trials else None
    ranking = _derived(judge, trials, hard, boards, settings, log=log, notify=notify)
    write_genotype(ranking[0].genotype, folder / GENOTYPE)
    write_json(folder / DERIVED, derived_json(ranking))
    return ranking


def _opened_trials(
    folder: Path, config: SearchConfig, judge: Judge, settings: DeriveSettings
) -> Trials:
    training = TrainSettings(
        seed=settings.judge.seed,
        epochs=TRIALS_IN_TRAINING * settings.trial_epochs,
        batch_size=config.settings.batch_size,
        label_smoothing=0.0,
    )
    return open_trials(
        folder, judge.space, judge.dataset, training,
        epochs=settings.trial_epochs, device=judge.device,
    )  # fmt: skip


def _derived(
    judge: Judge, trials: Trials | None, budgets: Sequence[AnyBudget],
    boards: Sequence[BoardBudget], settings: DeriveSettings, *,
    log: MeasuredLog, notify: Notify,
) -> tuple[Candidate, ...]:  # fmt: skip
    """The ranking behind its first network that was measured within the boards' budgets."""
    generator = np.random.default_rng(settings.judge.seed)
    over: dict[object, Candidate] = {}
    for number in range(MOST_ROUNDS):
        # All that were predicted within the budgets were measured over one: predict less.
        limits = tightened(budgets, _least_ratios(over.values()), margin=MARGIN**number)
        try:
            choices = candidate_choices(
                judge.space, judge.log_probabilities, limits,
                count=settings.candidates, generator=generator,
            )  # fmt: skip
        except BudgetUnreachable:
            if not over:
                raise
            break  # nobody asked for these limits: what was measured says more
        evaluate(judge, choices, what="derive")
        ranking = _rank_within(judge, limits)[: settings.candidates]
        if trials is not None:
            drawn = candidate_choices(
                judge.space, judge.log_probabilities, limits, count=PROPOSED, generator=generator
            )
            index = term_index(cost_terms(judge.space))
            rows = trials.known.rows.values()
            before = [row.choices for row in rows if within(index, limits, row.choices)]
            proposed = [*drawn, *before]
            _try(ranking, proposed, judge, trials, count=settings.trials, notify=notify)
            ranking = _tried_first(_rank_within(judge, limits), trials)[: settings.candidates]
            if not ranking:
                raise DivergedError(
                    f"the weights of all {len(trials.known.rows)} networks that were tried "
                    "diverged; derive without trials, or search again"
                )
        for position, each in enumerate(ranking):
            network = kept_choices(each.genotype)
            if network in over:
                continue
            tried = _measured(each, boards, log=log, notify=notify)
            if all(tried.measured[board.name] <= board.limit for board in boards):
                return (tried, *ranking[position + 1 :])
            over[network] = tried
    closest = min(over.values(), key=lambda each: max(_shares(each, boards)))
    told = ", ".join(board.told(closest.measured[board.name]) for board in boards)
    raise BudgetUnreachable(
        f"{len(over)} networks that the table holds for fast enough were measured, and none keeps "
        f"to the budget (closest: {told}); raise the budget, or profile the board again"
    )


def _rank_within(judge: Judge, limits: Sequence[AnyBudget]) -> tuple[Candidate, ...]:
    return rank(
        candidates_within(judge, limits),
        error=judge.sampling_error,
        limits={budget.name: budget.limit for budget in limits},
    )


def _try(
    ranking: Sequence[Candidate], proposed: Sequence[Choices], judge: Judge, trials: Trials, *,
    count: int, notify: Notify,
) -> None:  # fmt: skip
    """Try some of the ranking and of the proposed networks, and judge these."""
    networks, accuracies = zip(*((each.genotype, each.accuracy) for each in ranking), strict=True)
    genotypes = [genotype_of(judge.space, choices) for choices in proposed]
    found = tried_in_turn(trials, networks, accuracies, genotypes, count=count)
    tried = []
    for genotype, loss in found:
        tried.append(choices_of(genotype))
        found_loss = "the weights diverged" if loss is None else f"loss {loss:.3f}"
        notify(f"tried {len(tried)} of {count}: {found_loss}")
    evaluate(judge, tried, what="derive")


def _tried_first(ranking: Sequence[Candidate], trials: Trials) -> tuple[Candidate, ...]:
    """The ranking without what diverged, behind those of it that were tried, least loss first."""
    known = trials.known
    told = [
        replace(each, trial_loss=known[each.genotype].loss) if each.genotype in known else each
        for each in ranking
        if each.genotype not in known or known[each.genotype].loss is not None
    ]
    return tuple(sorted(told, key=lambda each: (each.trial_loss is None, each.trial_loss or 0.0)))


def _measured(
    candidate: Candidate, boards: Sequence[BoardBudget], *, log: MeasuredLog, notify: Notify
) -> Candidate:
    costs: dict[str, float] = {}
    for board in boards:
        costs[board.name] = board.measured(candidate.genotype, log, notify=notify)
        notify(f"accuracy {candidate.accuracy:.1%}: {board.told(costs[board.name])}")
    return replace(candidate, measured=costs)


def _least_ratios(candidates: Iterable[Candidate]) -> dict[str, float]:
    """How many times its predicted cost a network takes at least, by budget."""
    ratios: dict[str, float] = {}
    for each in candidates:
        for name, cost in each.measured.items():
            ratio = cost / each.costs[name]
            ratios[name] = min(ratio, ratios.get(name, ratio))
    return ratios


def _shares(candidate: Candidate, boards: Sequence[BoardBudget]) -> list[float]:
    return [candidate.measured[board.name] / board.limit for board in boards]


def evaluate(judge: Judge, choices: Sequence[Choices], *, what: str) -> None:
    """Judge networks, but for those that were judged before; every process one at a time."""
    best, together = 0.0, own_ranks().size
    with progress_bar(what, len(choices)) as advance:
        for first in range(0, len(choices), together):
            for share in judge.accuracies(choices[first : first + together]):
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


def derived_json(ranking: Sequence[Candidate]) -> Json:
    """Return a ranking as scripts read it."""
    candidates: list[Json] = [
        candidate_json(each) | {"trial_loss": each.trial_loss} for each in ranking
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
