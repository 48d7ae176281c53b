"""A search run: its config, its folder, and the finished search read back from it."""

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import TypeAdapter

from costmodels.latency_table import LatencyTable
from costmodels.selection import most_probable
from space.cost_terms import cost_terms
from space.decisions import Choices, decisions
from space.genotype import choices_of, genotype_of, random_genotype
from space.search_space import LATER_SPACE_FIELDS, SearchSpace
from space.strict_json import dump_strict, parse_strict
from space.uniform import uniform_kinds

from .architecture_metrics import log_probabilities
from .budgets import Budget
from .data.dataset import Dataset
from .data_choice import DataChoice
from .errors import BarsError, about
from .folder_lock import run_lock
from .gap import Gap
from .pricing import hard_budgets, needs_table, read_tables
from .ranks import is_first
from .refine import refine
from .run_folder import CONFIG, LAST, Row, open_run, read_config, read_metrics
from .search import new_state, restore, search
from .search_settings import LATER_SEARCH_SETTINGS, SearchSettings
from .search_steps import SearchState
from .teachers import FLOAT, NONE, trained_teacher, twin_of_largest
from .train_settings import TrainSettings


@dataclass(frozen=True, slots=True)
class SearchConfig:
    """Everything that decides what a search does, as config.json holds it."""

    format: Literal[2]
    command: Literal["search"]
    space: SearchSpace
    data: DataChoice
    budgets: tuple[Budget, ...]
    tables: tuple[str, ...]
    """The files of latency tables, one per target, that budgets may need."""
    settings: SearchSettings
    teacher: str = "none"
    """float: a real-valued twin of the largest network, trained first; or a training's folder."""
    kept: Choices = field(default_factory=dict)
    """The choices of decisions that are not searched."""

    def __post_init__(self) -> None:
        if len(self.kept) == len(decisions(self.space)):
            raise BarsError(
                f"space {self.space.name}: --keep leaves nothing to search; train the network of "
                "--like as it is"
            )
        if self.teacher == FLOAT and "all-conv" not in uniform_kinds(self.space):
            raise BarsError(
                f"--teacher float: the twin has 3x3 convolutions, space {self.space.name} has no "
                "bconv3x3; take a trained teacher, or none"
            )
        # Whatever the other choices are, these must go with them.
        others = choices_of(random_genotype(self.space, np.random.default_rng(0)))
        genotype_of(self.space, {**others, **self.kept})


_ADAPTER = TypeAdapter(SearchConfig)
# What a config means that was written before it could say so.
_LATER: dict[str, Mapping[str, object]] = {
    "": {"teacher": "none", "kept": {}},
    "space": LATER_SPACE_FIELDS,
    "settings": LATER_SEARCH_SETTINGS,
}


def search_run(
    config: SearchConfig, dataset: Dataset, *, folder: Path, resume: bool, device: torch.device
) -> dict[str, Any]:
    """Search in a folder of its own and return the last epoch's metrics, empty if they are gone.

    See `search` for what it leaves there. Before that, raises BudgetUnreachable where
    no network of the space keeps to the budgets, BarsError where the teacher is not a finished
    training on such images, FolderInUseError where another search is at work in the folder; later
    DivergedError where weights or architecture are no numbers any more.
    """
    tables = run_tables(config, config.budgets, tables=config.tables)
    budgets = hard_budgets(config.budgets, config.space, tables=tables)
    options = decisions(config.space)
    even = {name: torch.ones(len(values)) for name, values in options.items()}
    for name, option in config.kept.items():
        even[name] = torch.eye(len(even[name]))[option]
    most_probable(options, cost_terms(config.space), log_probabilities(even, config.kept), budgets)
    teacher = None
    if config.teacher not in (NONE, FLOAT):
        teacher = trained_teacher(Path(config.teacher), config.data, dataset, device=device)
    fields = json.loads(dump_strict(config, _ADAPTER))
    if is_first():
        open_run(folder, fields, resume=resume, upgrade=_today)
    with run_lock(folder) if is_first() else nullcontext():
        if config.teacher == FLOAT:
            teacher = twin_of_largest(
                config.space, dataset, _teacher_settings(config.settings),
                folder=folder, device=device,
            )  # fmt: skip
        state = search(
            config.space, dataset, budgets, config.settings,
            folder=folder, device=device, kept=config.kept, teacher=teacher,
        )  # fmt: skip
        if config.settings.refine_epochs:
            refine(
                state, config.space, dataset, budgets, config.settings,
                folder=folder, device=device,
            )  # fmt: skip
    return next(reversed(read_metrics(folder)), {})


def _teacher_settings(settings: SearchSettings) -> TrainSettings:
    """How a search trains its float teacher: as long as its own weights."""
    return TrainSettings(
        seed=settings.seed, epochs=settings.epochs, batch_size=settings.batch_size,
        optimizer=settings.optimizer, learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
    )  # fmt: skip


def read_search_config(folder: Path) -> SearchConfig:
    """Return a search run's config. Raises BarsError or SpaceError where it is none."""
    return search_config(read_config(folder, command="search"), what=str(folder / CONFIG))


def search_config(fields: Row, *, what: str) -> SearchConfig:
    """Return the config that a file's fields hold. Raises SpaceError or BarsError about `what`."""
    with about(what):
        return parse_strict(json.dumps(_upgraded(fields)), _ADAPTER, what=what, later=_LATER)


def _today(fields: Row) -> Row:
    """An older version's config with the fields of today's."""
    found: Row = json.loads(dump_strict(search_config(fields, what=CONFIG), _ADAPTER))
    return found


def _upgraded(fields: Row) -> Row:
    """A config.json's fields as those of format 2; 1 had one table, and no budget had a target."""
    budgets, table = fields.get("budgets"), fields.get("table")
    if fields.get("format") != 1 or not isinstance(budgets, list):
        return fields
    kept = {name: value for name, value in fields.items() if name != "table"}
    return {
        **kept,
        "format": 2,
        "budgets": [
            {**each, "target": None} if isinstance(each, dict) else each for each in budgets
        ],
        "tables": [] if table is None else [table],
    }


def last_gap(folder: Path) -> Gap | None:
    """Return the gap of a search's last epoch; None where its metrics are gone or tell none."""
    for row in reversed(read_metrics(folder)):
        match row.get("gap"):
            case {"relaxed": float(relaxed), "discretised": float(discretised)}:
                return Gap(relaxed, discretised)
    return None


def run_tables(
    config: SearchConfig, budgets: Sequence[Budget], *, tables: Sequence[str] | None
) -> tuple[LatencyTable, ...]:
    """Return the tables of files.

    tables: None for those of the run, which are then read only if a budget needs one.
    """
    if tables is None:
        tables = config.tables if any(needs_table(budget) for budget in budgets) else ()
    return read_tables(map(Path, tables))


def load_search(
    config: SearchConfig, dataset: Dataset, *, folder: Path, device: torch.device
) -> tuple[SearchState, int]:
    """Return a finished search and its last epoch. Raises BarsError where it has not ended."""
    state = new_state(
        config.space, dataset, config.settings,
        budgets=len(config.budgets), device=device, kept=config.kept,
    )  # fmt: skip
    done = restore(state, folder, device=device) if (folder / LAST).exists() else 0
    epochs = config.settings.epochs + config.settings.refine_epochs
    if done < epochs:
        raise BarsError(
            f"{folder} is a search of {epochs} epochs that ended after {done}; "
            "finish it with barsctl search --resume"
        )
    return state, done - 1
