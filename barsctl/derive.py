"""Deriving: the most accurate network that a search stands for, within the budget."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from costmodels.errors import BudgetUnreachable
from costmodels.latency_table import LatencyTable
from costmodels.selection import AnyBudget
from space.genotype import Genotype, write_genotype
from targets.measuring.place import Place
from targets.toolchain import Notify

from .board_budgets import BoardBudget, board_budgets, tightened
from .budgets import Budget
from .candidates import candidate_choices
from .errors import BarsError
from .folder_lock import derive_lock
from .halving import Halving, Keeps, open_halving
from .judge import Judge, JudgeSettings, open_judge
from .measured_log import MEASURED, MeasuredLog, read_measured
from .network_rows import KeptChoices, kept_choices
from .pricing import hard_budgets, needs_table
from .ranking import Candidate, derived_json, evaluate, rank_within
from .ranking_file import DERIVED
from .run_folder import GENOTYPE, write_json
from .search_run import read_search_config, run_tables
from .tried_ranking import tried_ranking

# Rounds of candidates, each within tighter limits, until one is measured within the budget.
MOST_ROUNDS = 4
MARGIN = 0.99


@dataclass(frozen=True, slots=True)
class DeriveSettings:
    """How many networks are compared, and how they are judged.

    measured: whether latencies are measured on whole networks, or the tables' word is taken. place:
    where, None for where the table was measured. trials: how many networks are begun to be trained,
    for trial_epochs, the best of them to the end: see halving.py.
    """

    candidates: int = 20
    judge: JudgeSettings = field(default_factory=JudgeSettings)
    measured: bool = True
    place: Place | None = None
    trials: int = 0
    trial_epochs: int = 3

    def __post_init__(self) -> None:
        if self.trials > self.candidates:
            raise BarsError(
                f"{self.trials} trials, and {self.candidates} candidates to be ranked: the tried "
                "ones are ranked first; try fewer, or compare more candidates"
            )


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

    Those that were trained to the end come first, by accuracy, then those that were tried, by loss,
    then the others: see `rank`. The first was measured within them, where tables price a budget: a
    network that is not gives way to the next, and is not trained to the end. It goes to the run's
    genotype.json, the ranking to derive.json. What was judged, tried or measured before, for
    another budget too, is not again. budgets: None for those of the search; tables: None likewise.
    Raises BudgetUnreachable where no network keeps to them, BarsError where
    another board answers than the table's, or none, DivergedError where all that were tried did,
    FolderInUseError where another derive or pareto is at work in the folder.
    """
    config = read_search_config(folder)
    asked = config.budgets if budgets is None else tuple(budgets)
    found = run_tables(config, asked, tables=tables)
    hard = hard_budgets(asked, config.space, tables=found)
    boards = board_budgets(asked, found, settings.place) if settings.measured else ()
    require_use(settings.place, boards, asked, found if tables else ())
    with derive_lock(folder):
        log = read_measured(folder / MEASURED)
        for board in boards:  # judging takes minutes
            board.require_ready(log)
        judge = open_judge(folder, config, settings.judge, device=device)
        halving = None
        if settings.trials:
            halving = open_halving(
                folder, config.space, judge.dataset,
                count=settings.trials, epochs=settings.trial_epochs,
                batch_size=config.settings.batch_size, seed=settings.judge.seed, device=device,
            )  # fmt: skip
        ranking = _derived(judge, halving, hard, boards, settings, log=log, notify=notify)
        write_genotype(ranking[0].genotype, folder / GENOTYPE)
        write_json(folder / DERIVED, derived_json(ranking))
    return ranking


def require_use(
    place: Place | None, boards: Sequence[BoardBudget], budgets: Sequence[Budget],
    tables: Sequence[LatencyTable],
) -> None:  # fmt: skip
    """Raise BarsError where a place or tables were given that nothing is asked of."""
    told = ", ".join(str(budget) for budget in budgets) or "no budget"
    if place is not None and not boards:
        raise BarsError(
            f"--on {place}: of {told} nothing is measured; leave it out, or give --budget "
            "latency=AMOUNT without --unmeasured"
        )
    targets = {table.header.target for table in tables}
    is_used = any(needs_table(budget) or budget.target in targets for budget in budgets)
    if tables and not is_used:
        raise BarsError(
            f"--table of {', '.join(sorted(targets))}: {told} asks nothing of it; leave it out, or "
            "give --budget latency=AMOUNT"
        )


def _derived(
    judge: Judge, halving: Halving | None, budgets: Sequence[AnyBudget],
    boards: Sequence[BoardBudget], settings: DeriveSettings, *,
    log: MeasuredLog, notify: Notify,
) -> tuple[Candidate, ...]:  # fmt: skip
    """The ranking behind its first network that was measured within the boards' budgets."""
    over: dict[KeptChoices, Candidate] = {}

    def keeps_to_boards(genotype: Genotype) -> bool:
        costs = _board_costs(genotype, boards, log=log, notify=notify)
        return all(costs[board.name] <= board.limit for board in boards)

    rankings = _rankings(
        judge, halving, budgets, settings, over, keeps_to_boards=keeps_to_boards, notify=notify
    )
    for ranking, first in rankings:
        for position, each in enumerate(ranking[:first]):
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


def _rankings(
    judge: Judge, halving: Halving | None, budgets: Sequence[AnyBudget], settings: DeriveSettings,
    over: Mapping[KeptChoices, Candidate], *, keeps_to_boards: Keeps, notify: Notify,
) -> Iterator[tuple[tuple[Candidate, ...], int]]:  # fmt: skip
    """Yield rankings within tighter and tighter limits, and how many of each are to be measured.

    With trials those that were tried, and those that were not only once all rounds are over. over:
    what was measured over a budget so far. keeps_to_boards: whether a network is measured within.
    """
    generator = np.random.default_rng(settings.judge.seed)
    ranking: tuple[Candidate, ...] = ()
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
        if halving is None:
            ranking = rank_within(judge, limits)[: settings.candidates]
            yield ranking, len(ranking)
        else:
            ranking = tried_ranking(
                judge,
                halving,
                limits,
                choices,
                generator=generator,
                keeps_to_boards=keeps_to_boards,
                notify=notify,
            )[: settings.candidates]
            yield ranking, sum(each.trial is not None for each in ranking)
    yield ranking, len(ranking)


def _measured(
    candidate: Candidate, boards: Sequence[BoardBudget], *, log: MeasuredLog, notify: Notify
) -> Candidate:
    costs = _board_costs(candidate.genotype, boards, log=log, notify=notify)
    for board in boards:
        notify(f"accuracy {candidate.accuracy:.1%}: {board.told(costs[board.name])}")
    return replace(candidate, measured=costs)


def _board_costs(
    genotype: Genotype, boards: Sequence[BoardBudget], *, log: MeasuredLog, notify: Notify
) -> dict[str, float]:
    return {board.name: board.measured(genotype, log, notify=notify) for board in boards}


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
