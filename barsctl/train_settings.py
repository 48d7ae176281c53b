"""What a training depends on, and what `barsctl train` does unless told otherwise."""

from dataclasses import dataclass
from typing import Literal

from .config_numbers import require_at_least, require_seed
from .errors import BarsError

OptimizerName = Literal["adamw", "sgd"]
# What settings mean that were written before they could say so.
LATER_TRAIN_SETTINGS = {"real_weight_epochs": 0}


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """What a training depends on beside its network and its images."""

    seed: int = 0
    epochs: int = 60
    batch_size: int = 128
    optimizer: OptimizerName = "adamw"
    learning_rate: float = 1e-2
    weight_decay: float = 1e-2
    label_smoothing: float = 0.1
    ema_decay: float = 0.0
    """Of the moving average of the weights that is evaluated and kept; 0 for none."""
    teacher_share: float = 0.5
    """Of the loss, where there is a teacher."""
    real_weight_epochs: int = 0
    """Of the epochs, the first in which activations are binary and weights real."""

    def __post_init__(self) -> None:
        require_seed(self.seed)
        require_at_least(2, batch_size=self.batch_size)
        if not 0 <= self.real_weight_epochs < self.epochs:
            raise BarsError(
                f"real weights in {self.real_weight_epochs} epochs of a training of {self.epochs}: "
                "binary weights learn in the epochs after them; take fewer"
            )

    def stage(self, epoch: int) -> range:
        """The epochs of the stage that an epoch belongs to."""
        if epoch < self.real_weight_epochs:
            return range(self.real_weight_epochs)
        return range(self.real_weight_epochs, self.epochs)
