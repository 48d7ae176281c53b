"""What a sweep is asked for, its cells, and its config.json: today's and older ones."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from space.presets import named_space
from space.search_space import SearchSpace
from space.strict_json import dump_strict, parse_strict
from targets.measuring.place import Place, parse_place

from .budgets import Budget
from .data_choice import DataChoice
from .derive import DeriveSettings
from .errors import BarsError, about
from .judge import JudgeSettings
from .run_folder import Json, Row
from .search_settings import LATER_SEARCH_SETTINGS, SearchSettings
from .train_settings import LATER_TRAIN_SETTINGS, TrainSettings
from .training_run import Teacher


@dataclass(frozen=True, slots=True)
class SweepConfig:
    """Everything that decides what a sweep does, as config.json holds it.

    spaces: for the data's images. data, search and training have the seed 0; a cell has its own.
    search_teacher, teacher: of the searches' weights and of the trainings. candidates to place: see
    DeriveSettings; a place as `parse_place` reads it.
    """

    format: Literal[2]
    command: Literal["sweep"]
    spaces: tuple[SearchSpace, ...]
    budgets: tuple[Budget, ...]
    seeds: tuple[int, ...]
    data: DataChoice
    tables: tuple[str, ...]
    search: SearchSettings
    search_teacher: Teacher
    candidates: int
    trials: int
    trial_epochs: int
    measured: bool
    place: str | None
    training: TrainSettings
    teacher: Teacher

    def __post_init__(self) -> None:
        self.derivation(0)
        names = sorted({budget.name for budget in self.budgets})
        if len(names) != 1:
            raise BarsError(
                f"budgets of {', '.join(names)}: a sweep compares what networks cost of one thing; "
                "give budgets of one cost, and a sweep of its own for each other"
            )

    def measuring_place(self) -> Place | None:
        """Where networks are measured; None for where the table was."""
        return None if self.place is None else parse_place(self.place)

    def derivation(self, seed: int) -> DeriveSettings:
        """How a cell's network is chosen. Raises BarsError where these settings contradict."""
        return DeriveSettings(
            self.candidates, JudgeSettings(seed), self.measured, self.measuring_place(),
            self.trials, self.trial_epochs,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cell:
    """One space, budget and seed."""

    space: SearchSpace
    budget: Budget
    seed: int

    @property
    def name(self) -> str:
        """Its folder's name."""
        return f"{self.space.name}-{self.budget}-seed{self.seed}"


def cells(config: SweepConfig) -> tuple[Cell, ...]:
    """Return the cells of a sweep. Raises BarsError where one has no folder of its own."""
    for space in config.spaces:
        if not re.fullmatch(r"\w[\w .()+-]*", space.name):
            raise BarsError(
                f"space {space.name!r:.80} names folders of the sweep; give it another name, of "
                "letters, digits and . _ -"
            )
    found = tuple(
        Cell(space, budget, seed)
        for space, budget, seed in product(config.spaces, config.budgets, config.seeds)
    )
    names = [cell.name for cell in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BarsError(
            f"{twice} is twice in the sweep (of a budget three digits count, of a space its name); "
            "leave one out, or name spaces apart"
        )
    return found


_CONFIG, _SPACE = TypeAdapter(SweepConfig), TypeAdapter(SearchSpace)
# What a config means that was written before it could say so.
_LATER: Mapping[str, Mapping[str, object]] = {
    "search": LATER_SEARCH_SETTINGS,
    "training": LATER_TRAIN_SETTINGS,
}


def sweep_fields(config: SweepConfig) -> dict[str, Json]:
    """Return a config as config.json holds it."""
    fields: dict[str, Json] = json.loads(dump_strict(config, _CONFIG))
    return fields


def read_sweep_config(path: Path) -> SweepConfig:
    """Return the config of a sweep's config.json. Raises SpaceError or BarsError on damage."""
    return _config(json.loads(path.read_bytes()), what=str(path))


def upgrading(config: SweepConfig) -> Callable[[Row], Row]:
    """Return what gives an older config, of a sweep over the same images, today's form."""
    images = config.spaces[0]

    def upgraded(fields: Row) -> Row:
        return sweep_fields(_config(fields, what="config.json", images=images))

    return upgraded


def _config(fields: Row, *, what: str, images: SearchSpace | None = None) -> SweepConfig:
    text = json.dumps(_upgraded(fields, images))
    with about(what):
        return parse_strict(text, _CONFIG, what=what, later=_LATER)


def _upgraded(fields: Row, images: SearchSpace | None) -> Row:
    """A config's fields as those of format 2; 1 had spaces by name, and fewer settings.

    images: a space for the sweep's; None to leave spaces as they are by name.
    """
    names = fields.get("spaces") if isinstance(fields, dict) else None
    if not isinstance(names, list) or fields.get("format") != 1:
        return fields
    spaces = [named_space(str(name)) for name in names]
    if images is not None:
        fits = {name: getattr(images, name) for name in ("image_channels", "image_size", "classes")}
        spaces = [replace(space, **fits) for space in spaces]
    later: dict[str, Json] = {
        "search_teacher": "none", "teacher": "none", "trials": 0, "trial_epochs": 2, "place": None,
    }  # fmt: skip
    return {
        **fields,
        **later,
        "format": 2,
        "spaces": [_SPACE.dump_python(space, mode="json") for space in spaces],
    }
