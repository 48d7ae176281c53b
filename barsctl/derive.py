"""Deriving: the most accurate network that a search stands for, within the budget."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from costmodels.selection import AnyBudget, budget_cost, most_probable, within
from costmodels.term_index import term_index
from space.cost_terms import cost_terms
from space.decisions import Choices, decisions, is_connected
from space.genotype import Genotype, choices_of, genotype_of, kept_cells, write_genotype
from space.nn.supernet import Supernet
from space.search_space import SearchSpace

from .batches import all_batches, random_images, split_in_halves, training_batches
from .budgets import Budget
from .data.augment import Augmentation
from .data.source import ImageSource
from .data_choice import load_choice
from .evaluate import accuracy, reestimate_batch_norm
from .progress import progress_bar
from .run_folder import GENOTYPE, Json, write_json
from .search import distribution
from .search_run import (
    load_search,
    read_search_config,
    run_budgets,
)

DERIVED = "derive.json"
TRIES_PER_CANDIDATE = 50
# A decided architecture has few networks within a budget below its own; flatter ones have more.
FLATTENINGS = (1.0, 2.0, 4.0, 8.0, 16.0)
LogProbabilities = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class DeriveSettings:
    """How many networks are compared, and on how much."""

    seed: int = 0
    candidates: int = 10
    batch_size: int = 128
    calibration_images: int = 2048
    """Training images, at most, that the batch norms' statistics are estimated on."""
    held_out_images: int = 4096
    """Validation images, at most, that the networks are ranked by."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network within the budgets, with its accuracy on held-out images and shared weights."""

    genotype: Genotype
    accuracy: float
    log_probability: float
    costs: dict[str, float]


def derive(
    folder: Path,
    settings: DeriveSettings,
    *,
    device: torch.device,
    budgets: Sequence[Budget] | None = None,
    tables: Sequence[str] | None = None,
) -> tuple[Candidate, ...]:
    """Return networks of a search run within the budgets, the most accurate first.

    It goes to the run's genotype.json, the ranking to derive.json. budgets: None for those of the
    search; tables: None likewise. Raises BudgetUnreachable where no network keeps to them.
    """
    config = read_search_config(folder)
    dataset = load_choice(config.data)
    asked = config.budgets if budgets is None else tuple(budgets)
    hard = run_budgets(config, asked, tables=tables)
    state, epoch = load_search(config, dataset, folder=folder, device=device)
    log_probabilities = {
        name: probabilities.detach().double().cpu().log().numpy()
        for name, probabilities in distribution(state, config.settings, epoch).items()
    }
    choices = candidate_choices(
        config.space, log_probabilities, hard,
        count=settings.candidates, generator=np.random.default_rng(settings.seed),
    )  # fmt: skip
    held_out = random_images(dataset.validation, count=settings.held_out_images, seed=settings.seed)
    weights_half, _ = split_in_halves(dataset.train, seed=config.settings.seed)
    calibration = random_images(weights_half, count=settings.calibration_images, seed=settings.seed)
    index = term_index(cost_terms(config.space))
    found = []
    with progress_bar("derive", len(choices)) as advance:
        for each in choices:
            genotype = genotype_of(config.space, each)
            share = discrete_accuracy(
                state.supernet, genotype, calibration, held_out,
                batch_size=settings.batch_size, device=device,
            )  # fmt: skip
            log_probability = sum(log_probabilities[name][option] for name, option in each.items())
            costs = {budget.name: budget_cost(index, budget, each) for budget in hard}
            found.append(Candidate(genotype, share, float(log_probability), costs))
            advance(f"accuracy {share:.1%}  best {max(c.accuracy for c in found):.1%}")
    ranking = rank(found)
    write_genotype(ranking[0].genotype, folder / GENOTYPE)
    write_json(folder / DERIVED, derived_json(ranking))
    return ranking


def rank(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Return the most accurate first; of equally accurate ones the more probable first."""
    return tuple(sorted(candidates, key=lambda each: (-each.accuracy, -each.log_probability)))


def discrete_accuracy(
    supernet: Supernet,
    genotype: Genotype,
    calibration: ImageSource,
    held_out: ImageSource,
    *,
    batch_size: int,
    device: torch.device,
) -> float:
    """Return the accuracy on held-out images of one network with the supernet's weights.

    It is built on its own, with batch-norm statistics of its own: the mixture that the supernet
    computes says little of it.
    """
    network = supernet.network_for(genotype)
    # Whole batches: a last one of a single image has no variance.
    plain = training_batches(
        calibration, np.random.default_rng(0), batch_size=batch_size,
        augmentation=Augmentation(), device=device,
    )  # fmt: skip
    reestimate_batch_norm(network, plain)
    return accuracy(network, all_batches(held_out, batch_size=batch_size, device=device))


def candidate_choices(
    space: SearchSpace,
    log_probabilities: LogProbabilities,
    budgets: Sequence[AnyBudget],
    *,
    count: int,
    generator: np.random.Generator,
) -> list[Choices]:
    """Return the most probable network within the budgets and up to count - 1 samples within them.

    The samples are drawn from the probabilities, from flatter ones where those give too few; they
    are all different and keep to the budgets.
    Raises BudgetUnreachable where no network does.
    """
    options, terms = decisions(space), cost_terms(space)
    index = term_index(terms)
    best = most_probable(options, terms, log_probabilities, budgets)
    found, tried = [best], {_identity(genotype_of(space, best))}
    for flattening in np.repeat(FLATTENINGS, TRIES_PER_CANDIDATE * count):
        if len(found) >= count:
            break
        choices = {
            name: _draw(values / flattening, generator)
            for name, values in log_probabilities.items()
        }
        if not is_connected(options, choices):
            continue
        identity = _identity(genotype_of(space, choices))
        if identity not in tried and within(index, budgets, choices):
            found.append(choices)
        tried.add(identity)
    return found


def _draw(log_weights: NDArray[np.float64], generator: np.random.Generator) -> int:
    weights = np.exp(log_weights - log_weights.max())
    return int(generator.choice(len(weights), p=weights / weights.sum()))


def _identity(genotype: Genotype) -> tuple[object, ...]:
    """Equal for equal networks, whatever the topologies of cells that their depths drop."""
    kept = {cell.group: genotype.topologies[cell.group] for cell in kept_cells(genotype)}
    return genotype.widths, genotype.depths, tuple(kept.items())


def derived_json(ranking: Sequence[Candidate]) -> Json:
    """Return a ranking as scripts read it."""
    return {
        "format": 1,
        "candidates": [
            {
                "accuracy": each.accuracy,
                "log_probability": each.log_probability,
                "cost": dict(each.costs),
                "widths": list(each.genotype.widths),
                "depths": list(each.genotype.depths),
                "choices": dict(choices_of(each.genotype)),
            }
            for each in ranking
        ],
    }
