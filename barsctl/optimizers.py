"""Optimisers of network weights, and their learning rate over a run."""

from collections.abc import Iterable

import torch
from torch.nn import Parameter

from .schedules import cosine_with_warmup
from .train_settings import OptimizerName

WARMUP_SHARE = 0.1


def weights_optimizer(
    name: OptimizerName,
    parameters: Iterable[Parameter],
    *,
    learning_rate: float,
    weight_decay: float,
) -> torch.optim.Optimizer:
    """Return the optimiser; `set_learning_rate` scales its learning rate from step to step."""
    if name == "sgd":
        return torch.optim.SGD(
            parameters, lr=learning_rate, weight_decay=weight_decay, momentum=0.9, nesterov=True
        )
    return torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=weight_decay)


def set_learning_rate(optimizer: torch.optim.Optimizer, progress: float, *, highest: float) -> None:
    """Set the learning rate for a run's `progress` in [0, 1]: warm-up, then half a cosine."""
    for group in optimizer.param_groups:
        group["lr"] = highest * cosine_with_warmup(progress, warmup=WARMUP_SHARE)
