"""Which images a run uses, as its config keeps them."""

from dataclasses import dataclass
from pathlib import Path

from .data.dataset import Dataset
from .data.names import DataName
from .data.registry import load


@dataclass(frozen=True, slots=True)
class DataChoice:
    """A data set's name, its folder or file where it is the user's, and its split."""

    name: DataName
    data_dir: str | None
    image_size: int | None
    seed: int


def load_choice(choice: DataChoice) -> Dataset:
    """Return the images. Raises DataError."""
    return load(
        choice.name,
        seed=choice.seed,
        data_dir=None if choice.data_dir is None else Path(choice.data_dir),
        image_size=choice.image_size,
    )
