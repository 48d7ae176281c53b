"""Which images a run uses, as its config keeps them."""

from dataclasses import dataclass
from pathlib import Path

from .config_numbers import require_seed
from .data.dataset import Dataset
from .data.names import DataName
from .data.registry import load
from .errors import BarsError


@dataclass(frozen=True, slots=True)
class DataChoice:
    """A data set's name, its folder or file where it is the user's, and its split."""

    name: DataName
    data_dir: str | None
    image_size: int | None
    seed: int

    def __post_init__(self) -> None:
        require_seed(self.seed)


def load_choice(choice: DataChoice) -> Dataset:
    """Return the images. Raises DataError."""
    return load(
        choice.name,
        seed=choice.seed,
        data_dir=None if choice.data_dir is None else Path(choice.data_dir),
        image_size=choice.image_size,
    )


def require_same_split(what: str, name: object, seed: object, data: DataChoice) -> None:
    """Raise BarsError where weights learned from what validates in another split of a data set.

    name, seed: of the images that `what` learned from.
    """
    if name == data.name and seed != data.seed:
        raise BarsError(
            f"{what} learned from the split of seed {seed} of {name}, so from images that validate "
            f"in that of seed {data.seed}; give --seed {seed}, or take one of --seed {data.seed}"
        )
