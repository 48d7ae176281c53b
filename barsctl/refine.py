"""Refining: a searched supernet's weights, trained as the single networks that derive compares.

A mixture that was trained ranks its networks badly. So, the architecture being decided, every step
trains single networks that share a batch (the sandwich rule, Yu and Huang, arXiv 1903.05134): the
most probable network at its largest width and depth and at its smallest, and some candidates of
`derive` within the budgets. All but the largest learn from its answers too.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from costmodels.selection import AnyBudget
from space.decisions import Choices, depth_decision, width_decision
from space.search_space import SearchSpace

from .architecture_metrics import log_probabilities
from .batches import Batch, batch_count, split_in_halves, training_batches
from .candidates import candidate_choices
from .data.dataset import Dataset
from .devices import mixed_precision
from .evaluate import Tally, require_finite
from .gap import gap_images
from .optimizers import set_learning_rate
from .progress import progress_bar
from .random_numbers import epoch_numbers
from .rank_norm import norms_over_ranks
from .ranks import is_first, own_ranks, require_same_start, sum_gradients, wait_for_first
from .run_folder import MetricsLog, read_metrics
from .search import architecture_row, restore, save
from .search_sampling import distribution
from .search_settings import SearchSettings
from .search_steps import BudgetShares, SearchState
from .train import distillation_loss
from .watch import Watch, warn

CANDIDATES = 64
"""Different networks in an epoch."""
SAMPLED = 2
"""Of them, in a step."""
DISTILLED_SHARE = 0.5
NAMES = ("largest", "smallest", "sampled")


def refine(
    state: SearchState,
    space: SearchSpace,
    dataset: Dataset,
    budgets: Sequence[AnyBudget],
    settings: SearchSettings,
    *,
    folder: Path,
    device: torch.device,
) -> None:
    """Refine a finished search for its settings' refine_epochs, from its last checkpoint on.

    Several processes share every batch; the first one writes the files.
    """
    wait_for_first()  # it may not have written the last checkpoint yet
    first_epoch = restore(state, folder, device=device)
    require_same_start(folder, first_epoch)
    steps = batch_count(dataset.train, batch_size=settings.batch_size)
    total = steps * settings.refine_epochs
    end = settings.epochs + settings.refine_epochs
    typical = distribution(state, settings, settings.epochs)
    kept = state.architecture.kept
    shares = BudgetShares(space, budgets, kept).to(device)(typical)
    weights_half, _ = split_in_halves(dataset.train, seed=settings.seed)
    images = gap_images(
        dataset, weights_half, batch_size=settings.batch_size, seed=settings.seed, device=device
    )
    watch = Watch(space, budgets, images, kept)
    warned = any(row.get("collapse") for row in read_metrics(folder)[:first_epoch])
    with (
        MetricsLog(folder, first_epoch=first_epoch) if is_first() else nullcontext() as log,
        progress_bar("refine", total, done_steps=total - steps * (end - first_epoch)) as advance,
    ):
        for epoch in range(first_epoch, end):
            state.supernet.train()
            numbers = epoch_numbers(settings.seed, epoch)
            candidates = candidate_choices(
                space, log_probabilities(typical, kept), budgets,
                count=CANDIDATES, generator=numbers,
            )  # fmt: skip
            largest, smallest = extremes(space, candidates[0], kept)
            batches = training_batches(
                dataset.train, numbers, batch_size=settings.batch_size,
                augmentation=dataset.augmentation, device=device, ranks=own_ranks(),
            )  # fmt: skip
            tallies = {name: Tally() for name in NAMES}
            for step, batch in enumerate(batches):
                progress = ((epoch - settings.epochs) * steps + step + 0.5) / total
                set_learning_rate(state.weights_optimizer, progress, highest=settings.learning_rate)
                sampled = [candidates[i] for i in numbers.integers(len(candidates), size=SAMPLED)]
                sandwich_step(
                    state, batch, largest, [("smallest", smallest)]
                    + [("sampled", each) for each in sampled], tallies=tallies,
                )  # fmt: skip
                advance(partial(_status, tallies))
            for tally in tallies.values():
                tally.count_all_ranks()
                require_finite(tally, epoch=epoch)
            observed = watch.observed(state.supernet, typical, shares, searched=True, last=True)
            warned = warn(observed, warned=warned)
            if log is None:  # the first process writes the files
                continue
            log.write(epoch, {
                "loss": {name: tally.loss for name, tally in tallies.items()},
                "accuracy": {name: tally.accuracy for name, tally in tallies.items()},
                **observed.row(),
                **architecture_row(space, state, typical, budgets, shares),
            })  # fmt: skip
            save(state, folder, epoch=epoch)


def extremes(
    space: SearchSpace, choices: Choices, kept: Mapping[str, int] = {}
) -> tuple[Choices, Choices]:
    """Return a network at its largest width and depth in every stage, and at its smallest.

    kept: choices that both have, whatever they are.
    """
    largest, smallest = dict(choices), dict(choices)
    for stage, description in enumerate(space.stages):
        width, depth = width_decision(stage), depth_decision(stage)
        largest |= {width: int(np.argmax(space.widths)), depth: description.max_cells}
        smallest |= {width: int(np.argmin(space.widths)), depth: 0}
    return {**largest, **kept}, {**smallest, **kept}


def sandwich_step(
    state: SearchState,
    batch: Batch,
    largest: Choices,
    others: Sequence[tuple[str, Choices]],
    *,
    tallies: dict[str, Tally],
) -> None:
    """Move the supernet's weights once, by the sum of the gradients of single networks."""
    state.weights_optimizer.zero_grad()
    with mixed_precision(batch.pixels.device), norms_over_ranks():
        logits = state.supernet.chosen(batch.pixels, largest)
        loss = F.cross_entropy(logits, batch.labels)
    (loss * batch.share).backward()
    tallies["largest"].add(logits, batch.labels, loss)
    answers = logits.detach()
    for name, choices in others:
        with mixed_precision(batch.pixels.device), norms_over_ranks():
            logits = state.supernet.chosen(batch.pixels, choices)
            loss = F.cross_entropy(logits, batch.labels)
            taught = torch.lerp(loss, distillation_loss(logits, answers), DISTILLED_SHARE)
        (taught * batch.share).backward()
        tallies[name].add(logits, batch.labels, loss)
    sum_gradients(state.supernet.parameters())
    state.weights_optimizer.step()


def _status(tallies: dict[str, Tally]) -> str:
    return "  ".join(f"{name} {tally.accuracy:.1%}" for name, tally in tallies.items())
