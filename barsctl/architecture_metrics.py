"""What to watch in an architecture's probabilities: how decided it is, and for which primitives.

A search that collapses shows it here: the share of `skip` and `none` grows, entropies fall early.
"""

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from space.decisions import Decisions, edge_decisions

Probabilities = Mapping[str, Tensor]


# The probability of an option that softmax rounds to 0: improbable, still allowed.
MIN_LOG_PROBABILITY = -100.0


def log_probabilities(
    probabilities: Probabilities, kept: Mapping[str, int]
) -> dict[str, NDArray[np.float64]]:
    """Return the logarithms without gradients, on the CPU.

    kept: the choices of decisions that are not open; their other options have -inf.
    """
    logarithms = {
        name: each.detach().double().cpu().log().numpy() for name, each in probabilities.items()
    }
    return {
        name: each if name in kept else np.maximum(each, MIN_LOG_PROBABILITY)
        for name, each in logarithms.items()
    }


def entropy_group(decision: str) -> str:
    """Return the group of a decision: a stage's width or depth, or the edges of one topology."""
    kind, _, rest = decision.partition("/")
    return f"op/{rest.rsplit('/', 2)[0]}" if kind == "op" else decision


def entropy(distribution: Tensor) -> Tensor:
    """Return -sum p log p; its gradient is finite where a p is 0 too."""
    smallest = torch.finfo(distribution.dtype).tiny
    return -(distribution * distribution.clamp(min=smallest).log()).sum()


def group_entropies(probabilities: Probabilities) -> dict[str, Tensor]:
    """Return the mean entropy of each group's decisions: 0 is decided, 1 is uniform.

    Each decision has a distribution, and so an entropy, of its own: one entropy over the depths of
    all stages would reward choosing a stage instead of a depth in each.
    """
    groups: dict[str, list[Tensor]] = {}
    for decision, distribution in probabilities.items():
        if len(distribution) > 1:
            share = entropy(distribution) / math.log(len(distribution))
            groups.setdefault(entropy_group(decision), []).append(share)
    return {group: torch.stack(entropies).mean() for group, entropies in groups.items()}


def total_entropy(probabilities: Probabilities) -> Tensor:
    """Return the sum of the entropies of all decisions, in nats: each is pressed alike."""
    return torch.stack([entropy(each) for each in probabilities.values()]).sum()


def primitive_shares(probabilities: Probabilities, options: Decisions) -> dict[str, float]:
    """Return the mean probability of each primitive over all edges."""
    edges = edge_decisions(options)
    if not edges:
        return {}
    mean = torch.stack([probabilities[edge].detach() for edge in edges]).mean(0).tolist()
    return {str(primitive): share for primitive, share in zip(options[edges[0]], mean, strict=True)}
