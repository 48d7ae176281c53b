"""The whole path on the embedded images: profile, search, derive, train and compile.

Every step keeps its files in the demo's folder and goes on where it was killed.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import torch

from costmodels.latency_table import LatencyTable
from costmodels.protocol import network_cost, term_costs
from costmodels.selection import smallest_cost
from costmodels.table_file import read_table
from space.cost_terms import cost_terms
from space.counts import Counts, total_counts
from space.decisions import decisions
from space.decode import decode
from space.presets import named_space
from space.search_space import SearchSpace
from space.uniform import largest_genotype
from targets.catalog import named_target
from targets.manifest import Fields
from targets.toolchain import Notify

from .budgets import Budget
from .data_choice import DataChoice, load_choice
from .derive import DeriveSettings, derive
from .errors import BarsError
from .judge import JudgeSettings
from .package import PackageSettings, write_package
from .package_check import check_package
from .package_report import Package
from .package_report import summary as package_summary
from .profile import ProfileSettings, profile, space_specs
from .ranking import Candidate
from .search_run import SearchConfig, search_run
from .search_settings import SearchSettings
from .train_settings import TrainSettings
from .trained_run import read_trained
from .training_run import TrainConfig, training_run

SPACE: Final = "demo"
DATA: Final = "fashion-mini"
TABLE, SEARCH, TRAINING, PROGRAMS = "latency.jsonl", "search", "training", "programs"


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """What the demo does. budget: None for the geometric mean of the space's extremes."""

    folder: Path
    arm_target: str = "aarch64"
    budget: Budget | None = None
    seed: int = 0
    search: SearchSettings = field(
        default_factory=lambda: SearchSettings(epochs=10, warmup_epochs=4)
    )
    training: TrainSettings = field(default_factory=lambda: TrainSettings(epochs=25))

    def __post_init__(self) -> None:
        if self.budget is not None and self.budget.name != "latency":
            raise BarsError(
                f"budget {self.budget}: the demo keeps to milliseconds of this machine; "
                "write latency=AMOUNT"
            )


@dataclass(frozen=True, slots=True)
class Demo:
    """What came out, and the seconds that each step took."""

    budget: Budget
    derived: Candidate
    counts: Counts
    package: Package
    seconds: dict[str, float]


def demo(settings: DemoSettings, *, notify: Notify) -> Demo:
    """Run every step, or the rest of them where the folder holds some.

    Raises BarsError and its like where a step does.
    """
    targets = (named_target("host"), named_target(settings.arm_target))
    compiling = PackageSettings(targets, "demo")  # refused here, before what takes minutes
    settings.folder.mkdir(parents=True, exist_ok=True)
    data = DataChoice(DATA, None, None, settings.seed)
    space, seconds = named_space(SPACE), dict[str, float]()
    with _timed("profile", seconds, notify):
        table = _measured_table(space, settings.folder / TABLE, notify)
    budget = settings.budget or middle_budget(space, table)
    notify(f"the budget is {budget}")
    with _timed("search", seconds, notify):
        _search(settings, space, data, budget)
    with _timed("derive", seconds, notify):
        ranking = derive(
            settings.folder / SEARCH,
            DeriveSettings(judge=JudgeSettings(settings.seed)),
            device=_cpu(),
            notify=notify,
        )
    with _timed("train", seconds, notify):
        _train(settings, data, notify=notify)
    with _timed("compile", seconds, notify):
        compiling = replace(compiling, table=table)
        package = _compile(settings.folder, compiling, notify=notify)
    counts = total_counts(decode(ranking[0].genotype).blocks)
    return Demo(budget, ranking[0], counts, package, seconds)


@contextmanager
def _timed(step: str, seconds: dict[str, float], notify: Notify) -> Iterator[None]:
    notify(f"{step}:")
    start = time.monotonic()
    yield
    seconds[step] = time.monotonic() - start


def _cpu() -> torch.device:
    return torch.device("cpu")


def _measured_table(space: SearchSpace, path: Path, notify: Notify) -> LatencyTable:
    settings = ProfileSettings(named_target("host"))
    profile(space_specs([space]), settings, table=path, resume=True, notify=notify)
    return read_table(path)


def middle_budget(space: SearchSpace, table: LatencyTable) -> Budget:
    """The geometric mean of the space's cheapest and widest networks' latencies, two digits.

    So the demo asks something of the search on a fast machine and on a slow one.
    """
    terms = cost_terms(space)
    least, _ = smallest_cost(decisions(space), terms, term_costs(table, terms))
    most = network_cost(table, decode(largest_genotype(space)).blocks)
    middle = math.sqrt(least * most)
    digits = 1 - math.floor(math.log10(middle))
    return Budget("latency", round(middle, digits))


def _search(settings: DemoSettings, space: SearchSpace, data: DataChoice, budget: Budget) -> None:
    config = SearchConfig(
        format=2,
        command="search",
        space=space,
        data=data,
        budgets=(budget,),
        tables=(str(settings.folder / TABLE),),
        settings=replace(settings.search, seed=settings.seed),
    )
    folder = settings.folder / SEARCH
    search_run(config, load_choice(data), folder=folder, resume=True, device=_cpu())


def _train(settings: DemoSettings, data: DataChoice, *, notify: Notify) -> None:
    config = TrainConfig(
        format=2,
        command="train",
        source=str(settings.folder / SEARCH),
        data=data,
        teacher="none",
        inherit=False,
        settings=replace(settings.training, seed=settings.seed),
    )
    training_run(
        config, folder=settings.folder / TRAINING, resume=True, device=_cpu(), notify=notify
    )


def _compile(demo: Path, settings: PackageSettings, *, notify: Notify) -> Package:
    run, folder = read_trained(demo / TRAINING), demo / PROGRAMS
    artefacts = write_package(run, settings, folder=folder, notify=notify)
    return check_package(run, settings, artefacts, folder=folder, notify=notify)


def summary(done: Demo) -> Fields:
    """The demo for scripts."""
    return {
        "budget_ms": done.budget.limit,
        "predicted_ms": done.derived.costs["latency"],
        "ops": done.counts.ops,
        "weight_bytes": done.counts.weight_bytes,
        "seconds": dict(done.seconds),
        "package": package_summary(done.package),
    }
