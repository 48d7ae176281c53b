"""What a step of a search computes: the probabilities that mix its supernet, or one network."""

import torch

from space.decisions import Choices, width_decision
from space.nn.architecture import Architecture, Mode, connected_choices
from space.search_space import SearchSpace

from .architecture_metrics import Probabilities
from .schedules import geometric
from .search_settings import SearchSettings
from .search_steps import SearchState


def progress_after_warmup(settings: SearchSettings, epoch: int) -> float:
    """Return 0 up to the first epoch after the warm-up, 1 in the last epoch and beyond.

    Where these are one, 1.
    """
    if epoch >= settings.epochs - 1:
        return 1.0
    if epoch <= settings.warmup_epochs:
        return 0.0
    return (epoch - settings.warmup_epochs) / (settings.epochs - settings.warmup_epochs - 1)


def temperature(settings: SearchSettings, epoch: int) -> float:
    """Return an epoch's temperature; it falls in equal ratios after the warm-up."""
    progress = progress_after_warmup(settings, epoch)
    return geometric(progress, settings.first_temperature, settings.last_temperature)


def sample(
    state: SearchState, settings: SearchSettings, epoch: int, *, generator: torch.Generator
) -> Probabilities:
    """Return the probabilities that mix the supernet in one step."""
    if epoch < settings.warmup_epochs:
        if settings.sampling != "one":
            return state.architecture.probabilities(1.0, mode="uniform")
        found = state.architecture.probabilities(1.0, mode="random", generator=generator)
        is_wide = torch.rand((), generator=generator) < widest_share(settings, epoch)
        return widest(state.supernet.space, state.architecture, found) if is_wide else found
    mode: Mode = "gumbel" if settings.sampling == "one" else settings.sampling
    return state.architecture.probabilities(
        temperature(settings, epoch), mode=mode, generator=generator
    )


def widest_share(settings: SearchSettings, epoch: int) -> float:
    """Return the share of an epoch's warm-up steps whose network is as wide as can be.

    It falls from 1 to 0. Channels that few widths have would be the youngest otherwise, and wide
    networks would seem worse than they are: the filter warm-up of TuNAS (arXiv 2008.06120).
    """
    return 1 - (epoch + 0.5) / settings.warmup_epochs


def widest(
    space: SearchSpace, architecture: Architecture, probabilities: Probabilities
) -> Probabilities:
    """Return probabilities with the largest width of every stage, but for what is kept."""
    largest = torch.eye(len(space.widths))[space.widths.index(max(space.widths))]
    names = [width_decision(stage) for stage in range(len(space.stages))]
    wide = {
        name: largest.to(probabilities[name]) for name in names if name not in architecture.kept
    }
    return {**probabilities, **wide}


def sampled_choices(
    space: SearchSpace, mixture: Probabilities, settings: SearchSettings
) -> Choices | None:
    """Return the network that a step computes alone; None where it computes the mixture."""
    return connected_choices(space, mixture) if settings.sampling == "one" else None


def distribution(state: SearchState, settings: SearchSettings, epoch: int) -> Probabilities:
    """Return the probabilities that `sample` stands for, without noise.

    The largest of logits with Gumbel noise is distributed as their softmax, whatever the
    temperature that the noisy logits are mixed at.
    """
    if epoch < settings.warmup_epochs:
        return state.architecture.probabilities(1.0, mode="uniform")
    if settings.sampling in ("softmax", "sigmoid"):  # without noise already
        return state.architecture.probabilities(
            temperature(settings, epoch), mode=settings.sampling
        )
    return state.architecture.probabilities(1.0, mode="softmax")
