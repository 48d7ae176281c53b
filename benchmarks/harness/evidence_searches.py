"""The searches of the evidence, by the library's own functions."""

import json
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from threading import Event, Thread
from typing import Final

import torch

from barsctl.budgets import Budget
from barsctl.data_choice import DataChoice, load_choice
from barsctl.derive import DeriveSettings, derive
from barsctl.halving import trained_epochs
from barsctl.judge import JudgeSettings
from barsctl.judged import JUDGED
from barsctl.ranking_file import DERIVED
from barsctl.run_folder import GENOTYPE
from barsctl.search_run import SearchConfig, search_run
from barsctl.search_settings import SearchSettings
from barsctl.trials import RUNNING
from barsctl.tried import TRIALS as TRIED
from barsctl.tried import WHOLE_TRIALS
from space.atomic import write_atomically
from space.decisions import Choices
from space.genotype import Genotype, read_genotype
from space.presets import named_space

from .evidence_matrix import CANDIDATES, Cell, Row, cell_of

CPU: Final = torch.device("cpu")
SPACE: Final = named_space("fashion-small")
DATA: Final = DataChoice("fashion-mnist", None, None, 0)
# Of the machine whose latencies count, wherever networks are searched and trained.
TABLE: Final = Path("docs/results/search-table.jsonl")
SEARCH, SEARCH_CLOCK, DERIVE_CLOCK = "search", "search-seconds", "derive-seconds"
# What derive writes into a search's folder; files of other settings are set aside beside theirs.
OF_DERIVE: Final = (
    *(name.replace(".jsonl", "*.jsonl") for name in (JUDGED, TRIED, WHOLE_TRIALS)),
    DERIVED, GENOTYPE, RUNNING,
)  # fmt: skip
# Networks that derive compares.
COMPARED = 4 * CANDIDATES
# Networks that derive begins to train before one is chosen.
TRIALS = 8
# Of the architecture, 5 times slower than a search's own, and with no press for decisions: one
# network a step says little of an option, and the chance of the first steps would be decided.
SLOW_RATE = 2.5e-3
# How often a clock is written.
SECONDS_PER_WRITE = 10.0
# Trials choose among what a search left, and would hide what a part of it does.
UNTRIED: Final = ("without", "with")


@dataclass(frozen=True, slots=True)
class Searched:
    """What a search and derive came to.

    seconds of a processor and images trained on: of both. candidates: CANDIDATES of those compared,
    evenly over the ranking: each one's choices and its accuracy with shared weights.
    """

    genotype: Genotype
    seconds: float
    images: int
    candidates: tuple[Row, ...]


def latency_budget(budget_us: float) -> Budget:
    """Of so many microseconds."""
    return Budget("latency", 1e-3 * budget_us)


def search_settings(cell: Cell) -> SearchSettings:
    """Those of all searches, but for the part of the method that a cell does without."""
    settings = SearchSettings(
        seed=cell.seed, epochs=10, warmup_epochs=5, refine_epochs=1, sampling="one",
        architecture_learning_rate=SLOW_RATE, entropy_weight=0.0,
    )  # fmt: skip
    if cell.group != "without":
        return settings
    match cell.name:
        case "warm-up":
            return replace(settings, warmup_epochs=0)
        case "noise":
            return replace(settings, sampling="softmax")
        case "slow architecture":
            decided = SearchSettings()
            return replace(
                settings, architecture_learning_rate=decided.architecture_learning_rate,
                entropy_weight=decided.entropy_weight,
            )  # fmt: skip
        case "refinement":
            return replace(settings, refine_epochs=0)
        case "trials":
            return settings
    raise ValueError(f"{cell.name!r} is no part of the method")


def derived_by(cell: Cell) -> str:
    """How a search's network is chosen; a row that tells of another way is to be made anew."""
    if cell.group in UNTRIED:
        return "no trials, after a search by the costs of connected networks"
    epochs = DeriveSettings().trial_epochs
    return (
        f"{TRIALS} trials of {epochs} epochs, promise of MACs**(2/3), the best to the end, after a "
        "search by the costs of connected networks"
    )


def is_current(row: Row) -> bool:
    """Whether a row is what its cell would come to now."""
    return not row.get("search_images") or row["derived_by"] == derived_by(cell_of(row))


def searched(
    cell: Cell, run: Path, *, budget_us: float, kept: Choices, finished: Collection[str]
) -> Searched:
    """Search and derive, from where the run was left.

    kept: of the search; finished: the keys of cells.
    The search of the cell "without trials" is that of the searched cell, where that was run here.
    """
    same = replace(cell, group="searched", name="")
    is_same = (cell.group, cell.name) == ("without", "trials")
    if is_same and same.key in finished and (run.parent / same.key / GENOTYPE).exists():
        _copy_search(run.parent / same.key, run)
    settings = search_settings(cell)
    config = SearchConfig(
        format=2, command="search", space=SPACE, data=DATA,
        budgets=(latency_budget(budget_us),), tables=(str(TABLE),),
        settings=settings, kept=kept, teacher="float" if cell.group == "with" else "none",
    )  # fmt: skip
    trials = 0 if cell.group in UNTRIED else TRIALS
    compared = DeriveSettings(COMPARED, JudgeSettings(cell.seed), measured=False, trials=trials)
    dataset, search = load_choice(DATA), run / SEARCH
    clocks, marker = (run / SEARCH_CLOCK, run / DERIVE_CLOCK), run / "derived-by"
    if not marker.exists() or marker.read_text() != derived_by(cell):
        _forget_derived(run)
    write_atomically(marker, derived_by(cell))
    if not (search / DERIVED).exists():
        with timed(clocks[0]):
            search_run(config, dataset, folder=search, resume=True, device=CPU)
        with timed(clocks[1]):
            derive(search, compared, device=CPU, notify=print)
    halves, whole = len(dataset.train) // 2, len(dataset.train)
    images = halves * (2 * settings.epochs - settings.warmup_epochs)
    if config.teacher != "none":
        images += halves * settings.epochs
    images += whole * (settings.refine_epochs + trained_epochs(trials, compared.trial_epochs))
    genotype = read_genotype(search / GENOTYPE)
    return Searched(genotype, sum(map(seconds_of, clocks)), images, _candidates(search))


def _candidates(search: Path) -> tuple[Row, ...]:
    found = json.loads((search / DERIVED).read_text())["candidates"]
    chosen = (found[index * len(found) // CANDIDATES] for index in range(CANDIDATES))
    return tuple({field: each[field] for field in ("choices", "accuracy")} for each in chosen)


def _forget_derived(run: Path) -> None:
    """Remove what was derived in another way, and what was judged, tried and trained for that."""
    (run / DERIVE_CLOCK).unlink(missing_ok=True)
    for each in chain.from_iterable((run / SEARCH).glob(pattern) for pattern in OF_DERIVE):
        shutil.rmtree(each) if each.is_dir() else each.unlink()
    forget_training(run)


@contextmanager
def timed(clock: Path) -> Iterator[None]:
    """Add the processor's seconds to those in a file, now and then: a run may be killed."""
    start, before = time.process_time(), seconds_of(clock)

    def write() -> None:
        write_atomically(clock, str(before + time.process_time() - start))

    ended = Event()

    def write_on() -> None:
        while not ended.wait(SECONDS_PER_WRITE):
            write()

    writer = Thread(target=write_on, daemon=True)
    writer.start()
    try:
        yield
    finally:
        ended.set()
        writer.join()
        write()


def training_of(run: Path) -> tuple[Path, Path]:
    """Where a cell's network is trained, and the clock of that."""
    return run / "train", run / "train-seconds"


def forget_training(run: Path) -> None:
    """Remove what was trained, so that another network is."""
    folder, clock = training_of(run)
    shutil.rmtree(folder, ignore_errors=True)
    clock.unlink(missing_ok=True)


def seconds_of(clock: Path) -> float:
    """The seconds in such a file; 0 where there is none."""
    return float(clock.read_text()) if clock.exists() else 0.0


def _copy_search(source: Path, run: Path) -> None:
    """Put a finished cell's search, without what was derived, into another cell's run."""
    if (run / SEARCH).exists():
        return
    part = run / "part"
    shutil.rmtree(part, ignore_errors=True)
    derived = shutil.ignore_patterns(*OF_DERIVE)
    shutil.copytree(source / SEARCH, part, ignore=derived)
    shutil.copy(source / SEARCH_CLOCK, run)
    part.rename(run / SEARCH)
