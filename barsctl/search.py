"""The search: a supernet's weights and its architecture, trained in turn within the budget.

Bi-level and first order, as in DARTS (arXiv 1806.09055): the training images are split in halves,
one for the weights and one for the architecture, whose steps alternate.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from costmodels.selection import AnyBudget
from space.atomic import remove_leftovers
from space.decisions import decisions
from space.nn.architecture import Architecture
from space.nn.supernet import Supernet
from space.search_space import SearchSpace

from .architecture_metrics import (
    Probabilities,
    group_entropies,
    primitive_shares,
)
from .batches import batch_count, split_in_halves, training_batches
from .budgets import format_cost
from .checkpoint import load_checkpoint, optimizer_tensors, restore_optimizer, save_checkpoint
from .data.dataset import Dataset
from .errors import DivergedError
from .evaluate import Tally, require_finite
from .gap import gap_images
from .optimizers import set_learning_rate, weights_optimizer
from .progress import progress_bar
from .random_numbers import epoch_noise, epoch_numbers, initial_weights
from .ranks import is_first, own_ranks, require_same_start
from .run_folder import LAST, Json, MetricsLog, read_metrics
from .search_sampling import (
    distribution,
    progress_after_warmup,
    sample,
    sampled_choices,
    temperature,
)
from .search_settings import SearchSettings, architecture_rate
from .search_steps import (
    BudgetShares,
    SearchState,
    architecture_penalty,
    architecture_step,
    raise_multipliers,
    weights_step,
)
from .watch import Watch, warn

ARCHITECTURE_BETAS = (0.5, 0.999)


def search(
    space: SearchSpace,
    dataset: Dataset,
    budgets: Sequence[AnyBudget],
    settings: SearchSettings,
    *,
    folder: Path,
    device: torch.device,
    kept: Mapping[str, int] = {},
    teacher: nn.Module | None = None,
) -> SearchState:
    """Search a space, from the folder's last checkpoint on if it has one.

    kept: the choices of decisions that are not searched. teacher: whom the weights learn from; the
    architecture learns from the labels alone.
    Leaves the supernet, the architecture and all that resuming needs in last.safetensors. Several
    processes share every batch; the first one writes the files. Raises DivergedError where weights
    or architecture are no numbers any more, BudgetUnreachable where no network is found within the
    budgets.
    """
    if is_first():
        remove_leftovers(folder / LAST)
    state = new_state(space, dataset, settings, budgets=len(budgets), device=device, kept=kept)
    first_epoch = restore(state, folder, device=device) if (folder / LAST).exists() else 0
    require_same_start(folder, first_epoch)
    budget_shares = BudgetShares(space, budgets, kept).to(device)
    halves = split_in_halves(dataset.train, seed=settings.seed)
    images = gap_images(
        dataset, halves[0], batch_size=settings.batch_size, seed=settings.seed, device=device
    )
    watch = Watch(space, budgets, images, kept)
    warned = any(row.get("collapse") for row in read_metrics(folder)[:first_epoch])
    steps = batch_count(halves[0], batch_size=settings.batch_size)
    total = steps * settings.epochs
    with (
        MetricsLog(folder, first_epoch=first_epoch) if is_first() else nullcontext() as log,
        progress_bar("search", total, done_steps=steps * first_epoch) as advance,
    ):
        for epoch in range(first_epoch, settings.epochs):
            state.supernet.train()
            numbers = epoch_numbers(settings.seed, epoch)
            noise = epoch_noise(settings.seed, epoch)
            weights_batches, architecture_batches = (
                training_batches(
                    half, numbers, batch_size=settings.batch_size,
                    augmentation=dataset.augmentation, device=device, ranks=own_ranks(),
                )
                for half in halves
            )  # fmt: skip
            tallies = {"weights": Tally(), "architecture": Tally()}
            shares = budget_shares(distribution(state, settings, epoch)).detach()
            for step, batch in enumerate(weights_batches):
                progress = (epoch * steps + step + 0.5) / total
                set_learning_rate(state.weights_optimizer, progress, highest=settings.learning_rate)
                mixture = sample(state, settings, epoch, generator=noise)
                weights_step(
                    state, batch, mixture, tally=tallies["weights"],
                    choices=sampled_choices(space, mixture, settings),
                    teacher=teacher, teacher_share=settings.teacher_share,
                )  # fmt: skip
                if epoch >= settings.warmup_epochs:
                    mixture = sample(state, settings, epoch, generator=noise)
                    typical = distribution(state, settings, epoch)
                    shares = budget_shares(typical)
                    entropy_weight = (
                        progress_after_warmup(settings, epoch) * settings.entropy_weight
                    )
                    penalty = architecture_penalty(
                        state, typical, shares, entropy_weight=entropy_weight
                    )
                    architecture_step(
                        state, next(architecture_batches), mixture, penalty=penalty,
                        tally=tallies["architecture"],
                        choices=sampled_choices(space, mixture, settings),
                    )  # fmt: skip
                    raise_multipliers(state, shares, rate=settings.multiplier_rate / steps)
                advance(partial(_status, tallies["weights"], budgets, shares))
            require_finite_architecture(state.architecture, epoch=epoch)
            for tally in tallies.values():
                tally.count_all_ranks()
                require_finite(tally, epoch=epoch)
            typical = distribution(state, settings, epoch)
            observed = watch.observed(
                state.supernet, typical, budget_shares(typical),
                searched=epoch >= settings.warmup_epochs, last=epoch + 1 == settings.epochs,
            )  # fmt: skip
            warned = warn(observed, warned=warned)
            if log is None:  # the first process writes the files
                continue
            log.write(epoch, {
                "temperature": temperature(settings, epoch),
                "loss": {name: tally.loss for name, tally in tallies.items()},
                "accuracy": {name: tally.accuracy for name, tally in tallies.items()},
                **observed.row(),
                **architecture_row(space, state, typical, budgets, budget_shares(typical)),
            })  # fmt: skip
            save(state, folder, epoch=epoch)
    return state


def new_state(
    space: SearchSpace,
    dataset: Dataset,
    settings: SearchSettings,
    *,
    budgets: int,
    device: torch.device,
    kept: Mapping[str, int] = {},
) -> SearchState:
    """Return where a search starts; its initial weights follow from the seed."""
    half, _ = split_in_halves(dataset.train, seed=settings.seed)
    steps = batch_count(half, batch_size=settings.batch_size)
    with initial_weights(settings.seed):
        supernet = Supernet(space, dataset.mean, dataset.std).to(device)
        architecture = Architecture(space, kept=kept).to(device)
    return SearchState(
        supernet,
        architecture,
        weights_optimizer(
            settings.optimizer, supernet.parameters(),
            learning_rate=settings.learning_rate, weight_decay=settings.weight_decay,
        ),
        torch.optim.Adam(
            architecture.parameters(),
            lr=architecture_rate(settings, steps=steps), betas=ARCHITECTURE_BETAS,
        ),
        torch.zeros(budgets, dtype=torch.float64, device=device),
        torch.zeros((), dtype=torch.float64, device=device),
    )  # fmt: skip


def require_finite_architecture(architecture: Architecture, *, epoch: int) -> None:
    """Raise DivergedError where an epoch left an architecture whose logits are no numbers."""
    if not all(bool(logits.isfinite().all()) for logits in architecture.parameters()):
        raise DivergedError(
            f"epoch {epoch + 1}: the architecture's logits are no numbers; start again with a "
            "smaller learning rate, of weights or architecture, or an --entropy nearer to 0"
        )


def restore(state: SearchState, folder: Path, *, device: torch.device) -> int:
    """Put back what the last checkpoint holds and return the next epoch."""
    checkpoint = load_checkpoint(folder / LAST, device=device)
    checkpoint.restore(state.supernet, "supernet")
    checkpoint.restore(state.architecture, "architecture")
    restore_optimizer(state.weights_optimizer, checkpoint.part("weights_optimizer"))
    restore_optimizer(state.architecture_optimizer, checkpoint.part("architecture_optimizer"))
    state.multipliers.copy_(checkpoint.tensors["budgets/multipliers"])
    # Checkpoints of before it was there have none.
    spare = checkpoint.tensors.get("budgets/spare_multiplier")
    if spare is not None:
        state.spare_multiplier.copy_(spare)
    return int(checkpoint.number("epoch")) + 1


def save(state: SearchState, folder: Path, *, epoch: int) -> None:
    """Write the checkpoint that `restore` reads."""
    parts = {
        "supernet": state.supernet.state_dict(),
        "architecture": state.architecture.state_dict(),
        "weights_optimizer": optimizer_tensors(state.weights_optimizer),
        "architecture_optimizer": optimizer_tensors(state.architecture_optimizer),
        "budgets": {
            "multipliers": state.multipliers,
            "spare_multiplier": state.spare_multiplier,
        },
    }
    save_checkpoint(folder / LAST, parts, state={"epoch": epoch})


@torch.no_grad()
def architecture_row(
    space: SearchSpace,
    state: SearchState,
    typical: Probabilities,
    budgets: Sequence[AnyBudget],
    shares: Tensor,
) -> dict[str, Json]:
    """What an epoch's metrics say of the architecture and its budgets."""
    costs = zip(budgets, shares.tolist(), strict=True)
    multipliers = zip(budgets, state.multipliers.tolist(), strict=True)
    return {
        "budget": {budget.name: budget.limit for budget in budgets},
        "expected_cost": {budget.name: share * budget.limit for budget, share in costs},
        "multiplier": {budget.name: multiplier for budget, multiplier in multipliers},
        "spare_multiplier": float(state.spare_multiplier),
        "share": {**primitive_shares(typical, decisions(space))},
        "entropy": {group: float(value) for group, value in group_entropies(typical).items()},
    }


def _status(tally: Tally, budgets: Sequence[AnyBudget], shares: Tensor) -> str:
    costs = (
        f"{budget.name} {format_cost(budget.name, share * budget.limit)}"
        f" of {format_cost(budget.name, budget.limit)}"
        for budget, share in zip(budgets, shares.tolist(), strict=True)
    )
    return "  ".join((f"loss {tally.loss:.3f}", f"accuracy {tally.accuracy:.1%}", *costs))
