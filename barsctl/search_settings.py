"""What a search depends on, and what `barsctl search` does unless told otherwise."""

from dataclasses import dataclass
from typing import Literal

from .config_numbers import require_at_least, require_seed
from .errors import BarsError
from .train_settings import OptimizerName

LARGEST_ARCHITECTURE_RATE = 2e-2
ARCHITECTURE_REACH = 14.0
"""How far, in nats, a logit may move in a search: from even odds to one in a million."""
Sampling = Literal["gumbel", "softmax", "sigmoid", "one"]
# What settings mean that were written before they could say so.
LATER_SEARCH_SETTINGS = {"refine_epochs": 0, "teacher_share": 0.5}


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """What a search depends on beside its space, its images and its budgets."""

    seed: int = 0
    epochs: int = 30
    warmup_epochs: int = 6
    """Of the epochs, the first in which all architectures weigh the same and only weights learn."""
    batch_size: int = 128
    optimizer: OptimizerName = "adamw"
    learning_rate: float = 1e-2
    weight_decay: float = 1e-2
    architecture_learning_rate: float | None = None
    """None for that of `architecture_rate`."""
    sampling: Sampling = "gumbel"
    """one: a step computes one network alone, in the warm-up one at random, at first a wide one."""
    first_temperature: float = 2.0
    last_temperature: float = 0.5
    entropy_weight: float = 0.01
    """Of a nat in the last epoch's loss: above 0 it drives decisions towards one option, below 0
    away. It grows from 0 after the warm-up, so that options are compared before one is taken."""
    multiplier_rate: float = 0.5
    """Rise of a budget's multiplier in an epoch in which the expected cost is twice the budget,
    and of what is left of the budget in one in which the cost is next to nothing."""
    refine_epochs: int = 0
    """After the others, of single networks of the decided architecture: see refine.py."""
    teacher_share: float = 0.5
    """Of the loss, where there is a teacher."""

    def __post_init__(self) -> None:
        require_seed(self.seed)
        require_at_least(2, batch_size=self.batch_size)
        require_at_least(0, refine_epochs=self.refine_epochs)
        if not 0 <= self.warmup_epochs < self.epochs:
            raise BarsError(
                f"warm-up of {self.warmup_epochs} epochs in a search of {self.epochs}: the "
                "architecture learns in the epochs after it only; take fewer warm-up epochs"
            )


def architecture_rate(settings: SearchSettings, *, steps: int) -> float:
    """The rate of the architecture's Adam, whose steps are about as large.

    steps: of an epoch. In a search of many steps a rate that decides a short one would decide in
    its first epochs, on weights that are young, so it falls with their number.
    """
    if settings.architecture_learning_rate is not None:
        return settings.architecture_learning_rate
    all_steps = steps * (settings.epochs - settings.warmup_epochs)
    return min(LARGEST_ARCHITECTURE_RATE, ARCHITECTURE_REACH / all_steps)
