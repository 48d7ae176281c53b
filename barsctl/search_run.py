"""A search run: its config, its folder, and the finished search read back from it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter

from costmodels.errors import BudgetUnreachable
from costmodels.selection import Budget as HardBudget
from costmodels.selection import most_probable
from space.cost_terms import cost_terms
from space.decisions import Choices, decisions
from space.search_space import SearchSpace
from space.strict_json import dump_strict, parse_strict

from .budgets import Budget
from .data import Dataset
from .data_choice import DataChoice
from .errors import BarsError, BudgetError
from .pricing import hard_budgets, read_latency_table
from .run_folder import LAST, open_run, read_config
from .search import SearchSettings, SearchState, new_state, restore, search

LogProbabilities = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class SearchConfig:
    """Everything that decides what a search does, as config.json holds it."""

    format: Literal[1]
    command: Literal["search"]
    space: SearchSpace
    data: DataChoice
    budgets: tuple[Budget, ...]
    table: str | None
    """The latency table's file, where a budget needs one."""
    settings: SearchSettings


_ADAPTER = TypeAdapter(SearchConfig)


def search_run(
    config: SearchConfig, dataset: Dataset, *, folder: Path, resume: bool, device: torch.device
) -> None:
    """Search in a folder of its own; see `search` for what it leaves there.

    Raises BudgetError before anything is trained where no network of the space keeps to the
    budgets.
    """
    budgets = run_budgets(config, config.budgets, table=config.table)
    flat = {name: np.zeros(len(values)) for name, values in decisions(config.space).items()}
    most_probable_choices(config.space, flat, budgets)
    open_run(folder, json.loads(dump_strict(config, _ADAPTER)), resume=resume)
    search(config.space, dataset, budgets, config.settings, folder=folder, device=device)


def read_search_config(folder: Path) -> SearchConfig:
    """Return a search run's config. Raises BarsError or SpaceError where it is none."""
    return parse_strict(json.dumps(read_config(folder)), _ADAPTER, what=f"{folder} as a search run")


def run_budgets(
    config: SearchConfig, budgets: Sequence[Budget], *, table: str | None
) -> tuple[HardBudget, ...]:
    """Return budgets priced for a run's space."""
    times = read_latency_table(None if table is None else Path(table))
    return hard_budgets(budgets, cost_terms(config.space), table=times)


def most_probable_choices(
    space: SearchSpace, log_probabilities: LogProbabilities, budgets: Sequence[HardBudget]
) -> Choices:
    """Return the most probable network's choices. Raises BudgetError where none fits."""
    try:
        return most_probable(decisions(space), cost_terms(space), log_probabilities, budgets)
    except BudgetUnreachable as error:
        raise BudgetError(str(error)) from error


def load_search(
    config: SearchConfig, dataset: Dataset, *, folder: Path, device: torch.device
) -> tuple[SearchState, int]:
    """Return where a run stands and its last epoch. Raises BarsError where it has no checkpoint."""
    state = new_state(
        config.space, dataset, config.settings, budgets=len(config.budgets), device=device
    )
    if not (folder / LAST).exists():
        raise BarsError(f"{folder} has no checkpoint yet; finish its search with --resume")
    return state, restore(state, folder, device=device) - 1
