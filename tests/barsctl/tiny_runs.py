"""A space and images so small that searches and trainings take seconds."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from barsctl.budgets import Budget
from barsctl.data.dataset import Dataset
from barsctl.data.source import ImageSource, Indices, Labels, Pixels
from barsctl.data_choice import DataChoice, load_choice
from barsctl.search_run import SearchConfig
from barsctl.search_settings import SearchSettings
from space.search_space import SearchSpace, Stage

CPU = torch.device("cpu")
SPACE = SearchSpace(
    "tiny", image_channels=1, image_size=8, classes=3, stem_kernel_size=3, stem_stride=2,
    stages=(Stage(16, 1), Stage(16, 1)), nodes=2, widths=(0.5, 1.0),
)  # fmt: skip
SEARCH = SearchSettings(epochs=3, warmup_epochs=1, batch_size=16, architecture_learning_rate=0.1)


def write_images(folder: Path, *, count: int = 120) -> DataChoice:
    """Write noisy images, brighter in one third of their columns per class, as an archive."""
    generator = np.random.default_rng(0)
    labels = np.arange(count) % SPACE.classes
    images = generator.integers(0, 120, (count, 8, 8), dtype=np.uint8)
    for image, label in zip(images, labels.tolist(), strict=True):
        image[:, 3 * label : 3 * label + 2] += 100
    np.savez(folder / "images.npz", images=images, labels=labels)
    return DataChoice("npz", str(folder / "images.npz"), image_size=None, seed=0)


def tiny_dataset(folder: Path) -> Dataset:
    return load_choice(write_images(folder))


def tiny_config(
    data: DataChoice,
    *budgets: Budget,
    settings: SearchSettings = SEARCH,
    tables: tuple[str, ...] = (),
) -> SearchConfig:
    return SearchConfig(2, "search", SPACE, data, budgets, tables, settings)


class PowerCut(Exception):  # noqa: N818 (it is what happened)
    """The run is killed."""


@dataclass(frozen=True, eq=False)
class WrappedSource:
    """The images of another source, but for what is done when they are read."""

    source: ImageSource

    def __len__(self) -> int:
        return len(self.source)

    @property
    def labels(self) -> Labels:
        return self.source.labels

    @property
    def image_size(self) -> int:
        return self.source.image_size

    @property
    def channels(self) -> int:
        return self.source.channels


@dataclass(frozen=True, eq=False)
class CutSource(WrappedSource):
    """Images that stop the run when a batch is asked for the `batches_left` + 1st time."""

    batches_left: list[int] = field(default_factory=list)

    def batch(self, indices: Indices) -> Pixels:
        if self.batches_left[0] == 0:
            raise PowerCut
        self.batches_left[0] -= 1
        return self.source.batch(indices)

    def subset(self, indices: Indices) -> ImageSource:
        return CutSource(self.source.subset(indices), self.batches_left)


def cut_after(dataset: Dataset, *, batches: int) -> Dataset:
    """Return the data set with training images that fail after some batches."""
    return replace(dataset, train=CutSource(dataset.train, [batches]))
