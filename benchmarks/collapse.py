"""Does a search collapse? Ones without counter-measures, and one with barsctl's defaults.

All search the demo space within 2M binary operations, on some of the embedded images, equally long.
What is provoked has no warm-up, plain softmax and no multipliers that hold it to the budget. Of
`unheld` the architecture learns 15 times as fast and ends far above the budget: the network within
it is another than was trained. `undecided` is kept open by its entropy term: none was trained.
Each is searched, derived and trained on from the search's weights as a user would: what a collapse
costs.
"""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import torch
from harness.report import Cell, Check, read_options, report

from barsctl.budgets import Budget
from barsctl.collapse import LARGEST_GAP, parameter_free_share
from barsctl.data.collection import Request
from barsctl.data.dataset import split
from barsctl.data.fashion_mini import load_fashion_mini
from barsctl.data_choice import DataChoice, load_choice
from barsctl.derive import DeriveSettings, derive
from barsctl.judge import JudgeSettings
from barsctl.run_folder import read_metrics
from barsctl.search_run import SearchConfig, search_run
from barsctl.search_settings import LARGEST_ARCHITECTURE_RATE, SearchSettings
from barsctl.train_settings import TrainSettings
from barsctl.training_run import TrainConfig, training_run
from space.genotype import Genotype, kept_cells
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
    """How long everything takes. images: to learn from, a tenth of them for validation.

    searching: the settings of the defaults' search, but for its seed and batches.
    """

    seeds: range
    images: int
    searching: SearchSettings
    training_epochs: int


FULL = Length(range(2), 2000, SearchSettings(), 4)
QUICK = Length(range(1), 400, SearchSettings(epochs=2, warmup_epochs=1), 1)


def settings_of(length: Length, seed: int) -> Mapping[str, SearchSettings]:
    """The searches by name."""
    defaults = replace(length.searching, seed=seed, batch_size=BATCH_SIZE)
    bare = replace(
        defaults,
        warmup_epochs=0, sampling="softmax", first_temperature=1.0, last_temperature=1.0,
        entropy_weight=0.0, multiplier_rate=0.0,
    )  # fmt: skip
    fast = 15 * LARGEST_ARCHITECTURE_RATE
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
    rows = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_images(folder / "images.npz", count=length.images)
        for seed in length.seeds:
            data = DataChoice("npz", str(folder / "images.npz"), None, seed)
            for title, settings in settings_of(length, seed).items():
                run = folder / f"{title}-{seed}"
                rows.append(searched(title, data, settings, length, folder=run))
    report("collapse", rows, [] if options.quick else checks_of(rows), options)


def write_images(path: Path, *, count: int) -> None:
    """Write some of the embedded training images, as many of each class, and all test images."""
    images = load_fashion_mini(Request("fashion-mini", None, None))
    train, test = images.train, images.test
    assert test is not None
    _, taken = split(train.labels, images.class_names, share=count / len(train), seed=0)
    np.savez(
        path,
        images=train.batch(taken), labels=train.labels[taken],
        test_images=test.batch(np.arange(len(test))), test_labels=test.labels,
        class_names=np.array(images.class_names),
    )  # fmt: skip


def searched(
    title: str, data: DataChoice, settings: SearchSettings, length: Length, *, folder: Path
) -> dict[str, Cell]:
    """One search, and the network that was derived, trained on."""
    config = SearchConfig(
        format=2, command="search", space=SPACE, data=data, budgets=(BUDGET,), tables=(),
        settings=settings,
    )  # fmt: skip
    run = folder / "search"
    last = search_run(config, load_choice(data), folder=run, resume=False, device=CPU)
    judging = DeriveSettings(judge=JudgeSettings(settings.seed), measured=False)
    found = derive(run, judging, device=CPU, notify=print)[0]
    epochs = read_metrics(run)
    warned = [each["epoch"] + 1 for each in epochs if each["collapse"]]
    warnings = [line for each in epochs for line in each["collapse"]]
    return {
        "search": title,
        "seed": settings.seed,
        "warned_in_epoch": warned[0] if warned else "never",
        "relaxed": last["gap"]["relaxed"],
        "discretised": last["gap"]["discretised"],
        "gap": last["gap"]["difference"],
        "derived": found.accuracy,
        "trained": trained_accuracy(run, data, settings.seed, length, folder=folder / "train"),
        "expected_bops": last["expected_cost"]["bops"],
        "bops": found.costs["bops"],
        "entropy": statistics.mean(last["entropy"].values()),
        "parameter_free": parameter_free_share(kept_primitives(found.genotype)),
        **{f"share_{primitive}": share for primitive, share in last["share"].items()},
        "first_warning": warnings[0] if warnings else "none",
    }


def trained_accuracy(
    run: Path, data: DataChoice, seed: int, length: Length, *, folder: Path
) -> float:
    """Accuracy on the test images after training on from the search's weights."""
    config = TrainConfig(
        format=2, command="train", source=str(run), data=data, teacher="none", inherit=True,
        settings=TrainSettings(
            seed=seed, epochs=length.training_epochs, batch_size=BATCH_SIZE, learning_rate=5e-3
        ),
    )  # fmt: skip
    trained = training_run(config, folder=folder, resume=False, device=CPU, notify=print)
    return trained.test_accuracy


def kept_primitives(genotype: Genotype) -> list[str]:
    """The primitives on the edges of the cells that a network keeps."""
    return [
        op for cell in kept_cells(genotype) for ops in genotype.topologies[cell.group] for op in ops
    ]


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
    """The mean accuracy over seeds of the networks that searches of a name came to."""
    return statistics.mean(float(row["trained"]) for row in rows if row["search"] == title)


if __name__ == "__main__":
    main()
