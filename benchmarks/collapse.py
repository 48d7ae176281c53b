"""Does a search collapse? Ones without counter-measures, and one with barsctl's defaults.

All search the demo space within 2M binary operations, on some of the embedded images, equally long.
What is provoked has no warm-up, plain softmax and no multipliers that hold it to the budget. Of
`unheld` the architecture learns 15 times as fast and ends far above the budget: the network within
it is another than was trained. `undecided` is kept open by its entropy term: none was trained.
The network that each search stands for is trained on shortly from the search's weights, as
`barsctl train --inherit` does: what a collapse costs.
"""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import torch
from harness.report import Cell, Check, read_options, report

from barsctl.architecture_metrics import log_probabilities
from barsctl.budgets import Budget
from barsctl.collapse import LARGEST_GAP, parameter_free_share
from barsctl.data.dataset import Dataset
from barsctl.data.registry import load
from barsctl.pricing import hard_budgets
from barsctl.run_folder import read_metrics
from barsctl.search import SearchSettings, distribution, search
from barsctl.search_steps import SearchState
from barsctl.train import TrainSettings, train
from costmodels.selection import AnyBudget, most_probable
from space.cost_terms import cost_terms
from space.counts import total_counts
from space.decisions import decisions
from space.decode import decode
from space.genotype import Genotype, genotype_of, kept_cells
from space.presets import named_space

SPACE: Final = named_space("demo")
BUDGET = Budget("bops", 2e6)
CPU = torch.device("cpu")
BATCH_SIZE = 32
DEFAULTS = "defaults"
PROVOKED = ("unheld", "undecided")
# The mean of all decisions', of which 1 is uniform.
SMALLEST_OPEN_ENTROPY = 0.95
# Of the edges of a network; two of the space's three primitives have no weights.
LARGEST_FREE_SHARE = 5 / 6


@dataclass(frozen=True, slots=True)
class Length:
    """How long everything takes. images: that there are to train on."""

    seeds: range
    epochs: int
    warmup_epochs: int
    training_epochs: int
    images: int


FULL = Length(range(2), 12, 3, 2, images=2000)
QUICK = Length(range(1), 2, 1, 1, images=400)


def settings_of(length: Length, seed: int) -> Mapping[str, SearchSettings]:
    """The searches by name."""
    defaults = SearchSettings(
        seed=seed, epochs=length.epochs, warmup_epochs=length.warmup_epochs, batch_size=BATCH_SIZE
    )
    bare = replace(
        defaults,
        warmup_epochs=0, sampling="softmax", first_temperature=1.0, last_temperature=1.0,
        entropy_weight=0.0, multiplier_rate=0.0,
    )  # fmt: skip
    fast = 15 * defaults.architecture_learning_rate
    return {
        "unheld": replace(bare, architecture_learning_rate=fast),
        "undecided": replace(bare, entropy_weight=-1.0),
        DEFAULTS: defaults,
    }


def main() -> None:
    """Search with every seed and report."""
    options = read_options(__doc__)
    torch.set_num_threads(1)
    length = QUICK if options.quick else FULL
    budgets = hard_budgets((BUDGET,), SPACE, tables=())
    rows = []
    for seed in length.seeds:
        dataset = load("fashion-mini", seed=seed)
        dataset = replace(dataset, train=dataset.train.subset(np.arange(length.images)))
        for title, settings in settings_of(length, seed).items():
            with TemporaryDirectory() as name:
                rows.append(row(title, dataset, budgets, settings, length, folder=Path(name)))
    report("collapse", rows, [] if options.quick else checks_of(rows), options)


def row(
    title: str, dataset: Dataset, budgets: tuple[AnyBudget, ...], settings: SearchSettings,
    length: Length, *, folder: Path,
) -> dict[str, Cell]:  # fmt: skip
    """Search, and train the most probable network within the budget."""
    state = search(SPACE, dataset, budgets, settings, folder=folder, device=CPU)
    epochs = read_metrics(folder)
    last: dict[str, Any] = epochs[-1]
    logs = log_probabilities(distribution(state, settings, settings.epochs))
    genotype = genotype_of(SPACE, most_probable(decisions(SPACE), cost_terms(SPACE), logs, budgets))
    warned = [each["epoch"] + 1 for each in epochs if each["collapse"]]
    warnings = [line for each in epochs for line in each["collapse"]]
    return {
        "search": title,
        "seed": settings.seed,
        "warned_in_epoch": warned[0] if warned else "never",
        "relaxed": last["gap"]["relaxed"],
        "discretised": last["gap"]["discretised"],
        "gap": last["gap"]["difference"],
        "trained": trained_accuracy(state, genotype, dataset, settings.seed, length, folder=folder),
        "expected_bops": last["expected_cost"]["bops"],
        "bops": total_counts(decode(genotype).blocks).binary_macs,
        "entropy": statistics.mean(last["entropy"].values()),
        "parameter_free": parameter_free_share(kept_primitives(genotype)),
        **{f"share_{primitive}": share for primitive, share in last["share"].items()},
        "first_warning": warnings[0] if warnings else "none",
    }


def kept_primitives(genotype: Genotype) -> list[str]:
    """The primitives on the edges of the cells that a network keeps."""
    return [
        op for cell in kept_cells(genotype) for ops in genotype.topologies[cell.group] for op in ops
    ]


def trained_accuracy(
    state: SearchState, genotype: Genotype, dataset: Dataset, seed: int, length: Length,
    *, folder: Path,
) -> float:  # fmt: skip
    """Accuracy on the test images after training on from the search's weights."""
    run = folder / "train"
    run.mkdir()
    settings = TrainSettings(
        seed=seed, epochs=length.training_epochs, batch_size=BATCH_SIZE, learning_rate=5e-3
    )
    network = state.supernet.network_for(genotype)
    return train(network, dataset, settings, folder=run, device=CPU).test_accuracy


def checks_of(rows: list[dict[str, Cell]]) -> list[Check]:
    """Collapse and its warning without the counter-measures, neither with them."""
    checks = []
    for row in rows:
        title, seed = str(row["search"]), f"seed {row['seed']}"
        if title == DEFAULTS:
            warned = row["warned_in_epoch"] != "never"
            checks += [
                Check(f"defaults raise a warning, {seed}", float(warned), at_most=0),
                Check(f"gap with the defaults, {seed}", float(row["gap"]), at_most=LARGEST_GAP / 2),
                Check(f"edges without weights with the defaults, {seed}",
                      float(row["parameter_free"]), at_most=LARGEST_FREE_SHARE),
            ]  # fmt: skip
        else:
            warned = row["warned_in_epoch"] != "never"
            checks += [
                Check(f"{title} is warned of, {seed}", float(warned), at_least=1),
                Check(f"gap of {title}, {seed}", float(row["gap"]), at_least=LARGEST_GAP),
            ]
            if title == "undecided":
                checks.append(Check(f"entropy of {title}, {seed}", float(row["entropy"]),
                                    at_least=SMALLEST_OPEN_ENTROPY))  # fmt: skip
    best = mean_trained(rows, DEFAULTS)
    return checks + [
        Check(f"trained, defaults over {title}", best - mean_trained(rows, title), at_least=0)
        for title in PROVOKED
    ]


def mean_trained(rows: list[dict[str, Cell]], title: str) -> float:
    """The mean accuracy over seeds of the networks that searches of a name stand for."""
    return statistics.mean(float(row["trained"]) for row in rows if row["search"] == title)


if __name__ == "__main__":
    main()
