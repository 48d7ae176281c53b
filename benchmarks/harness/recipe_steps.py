"""The steps of a recipe, by the functions that `barsctl search` and `barsctl train` call."""

from collections.abc import Callable
from typing import Literal

import torch

from barsctl.batches import Batch
from barsctl.data.dataset import Dataset
from barsctl.evaluate import Tally
from barsctl.optimizers import weights_optimizer
from barsctl.random_numbers import epoch_noise, initial_weights
from barsctl.search import new_state
from barsctl.search_sampling import distribution, sample
from barsctl.search_steps import (
    BudgetShares,
    architecture_penalty,
    architecture_step,
    raise_multipliers,
    weights_step,
)
from barsctl.train import train_step
from space.nn.network import Network
from space.nn.real import real_network

from .recipes import Recipe

Stage = Literal["weights", "architecture", "teacher", "train"]
STAGES: tuple[Stage, ...] = ("weights", "architecture", "teacher", "train")
Step = Callable[[Batch, Tally], None]


def batch_size(recipe: Recipe, stage: Stage) -> int:
    """Images of a stage's step."""
    settings = recipe.search if stage in ("weights", "architecture") else recipe.train
    return settings.batch_size


def stepper(
    recipe: Recipe, stage: Stage, dataset: Dataset, device: torch.device, *, first: Batch
) -> Step:
    """A function that takes steps of a stage, from where optimizers have made what they keep.

    "weights" and "architecture": the two steps of a search, of which a warm-up has the first alone.
    "teacher": of the float network. "train": of the binary network that learns from it. first: a
    batch that every optimizer has moved its parameters by.
    """
    if stage in ("weights", "architecture"):
        weights, architecture = _search_steps(recipe, dataset, device)
        weights(first, Tally())
        step = weights if stage == "weights" else architecture
    else:
        step = _train_step(recipe, dataset, device, with_teacher=stage == "train")
    step(first, Tally())
    return step


def _search_steps(recipe: Recipe, dataset: Dataset, device: torch.device) -> tuple[Step, Step]:
    settings = recipe.search
    state = new_state(recipe.space, dataset, settings, budgets=1, device=device)
    shares_of = BudgetShares(recipe.space, recipe.budgets).to(device)
    first, noise = settings.warmup_epochs, epoch_noise(settings.seed, 0)
    state.supernet.train()

    def move_weights(batch: Batch, tally: Tally) -> None:
        weights_step(state, batch, sample(state, settings, first, generator=noise), tally=tally)

    def move_architecture(batch: Batch, tally: Tally) -> None:
        mixture = sample(state, settings, first, generator=noise)
        typical = distribution(state, settings, first)
        shares = shares_of(typical)
        penalty = architecture_penalty(
            state, typical, shares, entropy_weight=settings.entropy_weight
        )
        architecture_step(state, batch, mixture, penalty=penalty, tally=tally)
        raise_multipliers(state, shares, rate=settings.multiplier_rate)

    return move_weights, move_architecture


def _train_step(
    recipe: Recipe, dataset: Dataset, device: torch.device, *, with_teacher: bool
) -> Step:
    settings, graph, pixels = recipe.train, recipe.network(), (dataset.mean, dataset.std)
    with initial_weights(settings.seed):
        twin = real_network(graph, *pixels).to(device)
        network = Network(graph, *pixels).to(device) if with_teacher else twin
    teacher = twin.eval() if with_teacher else None
    network.train()
    optimizer = weights_optimizer(
        settings.optimizer, network.parameters(),
        learning_rate=settings.learning_rate, weight_decay=settings.weight_decay,
    )  # fmt: skip

    def move(batch: Batch, tally: Tally) -> None:
        train_step(network, batch, settings, optimizer, teacher=teacher, tally=tally)

    return move
