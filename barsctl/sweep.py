"""A sweep: search, derive and train for every space, budget and seed, by any number of workers.

A cell has a folder of its own, in which each step goes on where it was killed. So a worker may end
at any moment: another takes its cell over.
"""

import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path

import torch
from pydantic import TypeAdapter

from costmodels.errors import CostError
from space.atomic import write_atomically
from space.errors import SpaceError
from space.strict_json import parse_strict
from targets.errors import TargetError
from targets.measuring.timing import UnreachableError
from targets.toolchain import Notify

from .board_budgets import BoardBudget, board_budgets
from .data_choice import load_choice
from .derive import derive, require_use
from .errors import BarsError
from .folder_lock import FolderInUseError
from .lease import renewed
from .measured_log import MEASURED, read_measured
from .pricing import hard_budgets, read_tables
from .ranking_file import DERIVED, read_ranking
from .run_folder import Json, open_run, write_json
from .search_run import SearchConfig, search_run
from .sweep_config import Cell, SweepConfig, cells, sweep_fields, upgrading
from .sweep_journal import CELLS, ENDED, RESULT, Journal, State, open_journal
from .training_run import TrainConfig, training_run

SEARCH, TRAINING, TRACEBACK = "search", "train", "traceback.txt"
# Between looks for a cell whose worker is gone.
LOOK_EVERY_S = 5.0
_USERS_ERRORS = (BarsError, CostError, SpaceError, TargetError)


@dataclass(frozen=True, slots=True)
class CellResult:
    """What came out of a cell: accuracies as shares, the cost in the cost model's unit; or why not.

    cost: as measured where the network was, else as predicted.
    """

    validation_accuracy: float | None = None
    test_accuracy: float | None = None
    cost: float | None = None
    error: str | None = None

    def objectives(self) -> tuple[float, float] | None:
        """What a sweep makes large, and what it makes small; None where the cell failed."""
        if self.validation_accuracy is None or self.cost is None:
            return None
        return self.validation_accuracy, self.cost


@dataclass(frozen=True, slots=True)
class Row:
    """A cell, how it stands, and its folder; on_front: none is cheaper and more accurate."""

    cell: Cell
    state: State
    folder: Path
    result: CellResult
    on_front: bool


_RESULT = TypeAdapter(CellResult)


def sweep(
    config: SweepConfig, *, folder: Path, device: torch.device, notify: Notify
) -> tuple[Row, ...]:
    """Compute the cells that nobody has computed, and return all when all have ended.

    Any number of workers may do so in one folder at a time. What fails of a cell is kept as its
    error and stops no other. Raises BarsError where the folder is of another sweep, or this machine
    cannot measure what is left to derive, and what a search raises where it has no table for a
    budget.
    """
    tables = read_tables(map(Path, config.tables))
    for space, budget in product(config.spaces, config.budgets):
        # What every cell would raise, before it is kept as the error of each.
        hard_budgets((budget,), space, tables=tables)
    measuring = config.measuring_place()
    # All budgets are of one cost, so one board measures for all.
    boards = board_budgets(config.budgets[:1], tables, measuring) if config.measured else ()
    require_use(measuring, boards, config.budgets, ())
    by_name = {cell.name: cell for cell in cells(config)}
    _require_board(boards, [folder / CELLS / name for name in by_name])
    fields, upgrade = sweep_fields(config), upgrading(config)
    open_run(folder, fields, resume=True, upgrade=upgrade)
    # Of workers that start at once, the last one's config stays: compare with what is there.
    open_run(folder, fields, resume=True, upgrade=upgrade)
    journal = open_journal(folder, tuple(by_name))
    told, in_use = False, set[str]()
    while not all(trial.state in ENDED for trial in journal.trials()):
        claim = journal.claim(without=in_use)
        if claim is None:
            if not told:
                notify("the other cells are with other workers; waiting for them to end")
            told = True
            in_use.clear()
            time.sleep(LOOK_EVERY_S)
            continue
        place = folder / CELLS / claim.trial.cell
        notify(f"cell {claim.trial.cell}:")
        with renewed(place, claim.lease):
            try:
                result = _result(
                    config, by_name[claim.trial.cell], place, device=device, notify=notify
                )
            except FolderInUseError as error:
                notify(f"{error}; the other cells first")
                in_use.add(claim.trial.cell)
                continue
            write_json(place / RESULT, {**asdict(result)})
            journal.end(claim.trial, result.objectives())
    return tuple(_rows(journal, by_name))


def _require_board(boards: Sequence[BoardBudget], folders: Iterable[Path]) -> None:
    """Raise BarsError where this worker could search, but not measure: another one may.

    folders: of the cells.
    """
    for folder in folders:
        if (folder / RESULT).exists() or (folder / SEARCH / DERIVED).exists():
            continue
        log = read_measured(folder / SEARCH / MEASURED)
        for board in boards:
            board.require_ready(log)
        if not log.costs:  # the board was asked, and answered
            return


def _result(
    config: SweepConfig, cell: Cell, folder: Path, *, device: torch.device, notify: Notify
) -> CellResult:
    """What comes out of a cell, or why nothing does.

    What the system refuses, or a board that is lost, ends the worker: the cell may do without it.
    """
    try:
        return _computed(config, cell, folder, device=device, notify=notify)
    except (OSError, FolderInUseError, UnreachableError):
        raise
    except _USERS_ERRORS as error:
        if isinstance(error.__cause__, OSError | UnreachableError):
            raise
        return CellResult(error=" ".join(str(error).split()))
    except Exception as error:
        # A bug, or no memory left: the other cells may do without.
        write_atomically(folder / TRACEBACK, traceback.format_exc())
        return CellResult(error=f"{type(error).__name__}; see {folder / TRACEBACK}")


def _computed(
    config: SweepConfig, cell: Cell, folder: Path, *, device: torch.device, notify: Notify
) -> CellResult:
    """Search, derive and train in a cell's folder, or go on there."""
    data = replace(config.data, seed=cell.seed)
    dataset = load_choice(data)
    searching = SearchConfig(
        format=2,
        command="search",
        space=cell.space,
        data=data,
        budgets=(cell.budget,),
        tables=config.tables,
        settings=replace(config.search, seed=cell.seed),
        teacher=config.search_teacher,
    )
    search_run(searching, dataset, folder=folder / SEARCH, resume=True, device=device)
    if not (folder / SEARCH / DERIVED).exists():
        # Once only: on another device than the first worker's it might choose another network.
        derive(folder / SEARCH, config.derivation(cell.seed), device=device, notify=notify)
    training = TrainConfig(
        format=2,
        command="train",
        source=str(folder / SEARCH),
        data=data,
        teacher=config.teacher,
        inherit=False,
        reference=None,
        settings=replace(config.training, seed=cell.seed),
    )
    trained = training_run(
        training, folder=folder / TRAINING, resume=True, device=device, notify=notify
    )
    best, name = read_ranking(folder / SEARCH / DERIVED)[0], cell.budget.name
    cost = best.measured.get(name, best.cost[name])
    return CellResult(trained.validation_accuracy, trained.test_accuracy, cost)


def _rows(journal: Journal, found: Mapping[str, Cell]) -> Iterator[Row]:
    front = journal.front()
    for trial in journal.trials():
        folder = journal.folder / CELLS / trial.cell
        result, on_front = read_cell(folder / RESULT), trial.cell in front
        yield Row(found[trial.cell], trial.state, folder, result, on_front)


def read_cell(path: Path) -> CellResult:
    """Return the result of a cell.json. Raises SpaceError where it is damaged."""
    return parse_strict(path.read_bytes(), _RESULT, what=str(path))


def sweep_json(rows: Sequence[Row]) -> Json:
    """Return a sweep as scripts read it."""
    return {
        "format": 1,
        "cells": [
            {
                "space": row.cell.space.name,
                "budget": {row.cell.budget.name: row.cell.budget.limit},
                "seed": row.cell.seed,
                "state": row.state,
                "folder": str(row.folder),
                **asdict(row.result),
                "on_front": row.on_front,
            }
            for row in rows
        ],
    }
