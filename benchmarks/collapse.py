"""Does a search collapse? One without any counter-measure, and one with barsctl's defaults.

Both search the demo space on the embedded images within 2M binary operations. `provoked` has no
warm-up, plain softmax, an architecture that learns 15 times as fast, and neither an entropy term
nor multipliers that hold it to the budget. The network that each stands for is trained at the end:
what the gap cost.
"""

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
from barsctl.random_numbers import initial_weights
from barsctl.run_folder import read_metrics
from barsctl.search import SearchSettings, distribution, search
from barsctl.train import TrainSettings, train
from costmodels.selection import AnyBudget, most_probable
from space.cost_terms import cost_terms
from space.decisions import decisions
from space.decode import decode
from space.genotype import Genotype, genotype_of, kept_cells
from space.nn.network import Network
from space.presets import named_space

SEED = 0
SPACE: Final = named_space("demo")
BUDGET = Budget("bops", 2e6)
CPU = torch.device("cpu")
# Of the edges of a network; two of the space's three primitives have no weights.
LARGEST_FREE_SHARE = 5 / 6


@dataclass(frozen=True, slots=True)
class Length:
    """How long everything takes. images: of those that there are to train on."""

    epochs: int
    warmup_epochs: int
    training_epochs: int
    images: int | None = None


FULL = Length(epochs=10, warmup_epochs=4, training_epochs=10)
QUICK = Length(epochs=5, warmup_epochs=2, training_epochs=1, images=1500)


def settings_of(length: Length) -> Mapping[str, SearchSettings]:
    """The two searches by name."""
    defaults = SearchSettings(seed=SEED, epochs=length.epochs, warmup_epochs=length.warmup_epochs)
    provoked = replace(
        defaults,
        warmup_epochs=0, sampling="softmax", first_temperature=1.0, last_temperature=1.0,
        architecture_learning_rate=15 * defaults.architecture_learning_rate,
        entropy_weight=0.0, multiplier_rate=0.0,
    )  # fmt: skip
    return {"provoked": provoked, "defaults": defaults}


def main() -> None:
    """Search twice and report."""
    options = read_options(__doc__)
    torch.set_num_threads(1)
    length = QUICK if options.quick else FULL
    dataset = load("fashion-mini", seed=SEED)
    if length.images is not None:
        dataset = replace(dataset, train=dataset.train.subset(np.arange(length.images)))
    budgets = hard_budgets((BUDGET,), SPACE, tables=())
    with TemporaryDirectory() as name:
        rows = [
            row(title, dataset, budgets, settings, length, folder=Path(name) / title)
            for title, settings in settings_of(length).items()
        ]
    report("collapse", rows, [] if options.quick else checks_of(rows), options)


def row(
    title: str, dataset: Dataset, budgets: tuple[AnyBudget, ...], settings: SearchSettings,
    length: Length, *, folder: Path,
) -> dict[str, Cell]:  # fmt: skip
    """Search, and train the most probable network within the budget."""
    folder.mkdir()
    state = search(SPACE, dataset, budgets, settings, folder=folder, device=CPU)
    last: dict[str, Any] = read_metrics(folder)[-1]
    logs = log_probabilities(distribution(state, settings, settings.epochs))
    genotype = genotype_of(SPACE, most_probable(decisions(SPACE), cost_terms(SPACE), logs, budgets))
    warned = [each["epoch"] + 1 for each in read_metrics(folder) if each["collapse"]]
    return {
        "search": title,
        "warned_in_epoch": warned[0] if warned else "never",
        "relaxed": last["gap"]["relaxed"],
        "discretised": last["gap"]["discretised"],
        "gap": last["gap"]["difference"],
        "trained": trained_accuracy(genotype, dataset, length, folder=folder / "train"),
        "expected_bops": last["expected_cost"]["bops"],
        "parameter_free": parameter_free_share(kept_primitives(genotype)),
        **{f"share_{primitive}": share for primitive, share in last["share"].items()},
        "warning": "; ".join(last["collapse"]) or "none",
    }


def kept_primitives(genotype: Genotype) -> list[str]:
    """The primitives on the edges of the cells that a network keeps."""
    return [
        op for cell in kept_cells(genotype) for ops in genotype.topologies[cell.group] for op in ops
    ]


def trained_accuracy(
    genotype: Genotype, dataset: Dataset, length: Length, *, folder: Path
) -> float:
    """Accuracy on the validation images after training on its own."""
    folder.mkdir()
    with initial_weights(SEED):
        network = Network(decode(genotype), dataset.mean, dataset.std)
    settings = TrainSettings(seed=SEED, epochs=length.training_epochs)
    return train(network, dataset, settings, folder=folder, device=CPU).validation_accuracy


def checks_of(rows: list[dict[str, Cell]]) -> list[Check]:
    """Collapse and its warning without the counter-measures, neither with them."""
    provoked, defaults = rows
    return [
        Check("gap of the provoked search", float(provoked["gap"]), at_least=LARGEST_GAP),
        Check("provoked search is warned of", float(provoked["warned_in_epoch"] != "never"),
              at_least=1),
        Check("gap with the defaults", float(defaults["gap"]), at_most=LARGEST_GAP / 2),
        Check("defaults raise a warning", float(defaults["warned_in_epoch"] != "never"),
              at_most=0),
        Check("edges without weights with the defaults", float(defaults["parameter_free"]),
              at_most=LARGEST_FREE_SHARE),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
