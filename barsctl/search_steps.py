"""The steps of a search: what moves the weights, the architecture and the budgets' multipliers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from costmodels.selection import AddedBudget, AnyBudget
from space.cost_terms import cost_terms
from space.decisions import Choices, decisions
from space.nn.architecture import Architecture, straight_through
from space.nn.expected_cost import ExpectedCost
from space.nn.supernet import Supernet
from space.search_space import SearchSpace

from .architecture_metrics import Probabilities, total_entropy
from .batches import Batch
from .devices import mixed_precision
from .evaluate import Tally
from .rank_norm import norms_over_ranks
from .ranks import sum_gradients
from .train import taught


@dataclass(frozen=True, slots=True)
class SearchState:
    """Everything that the steps of a search change."""

    supernet: Supernet
    architecture: Architecture
    weights_optimizer: torch.optim.Optimizer
    architecture_optimizer: torch.optim.Optimizer
    multipliers: Tensor
    """[budgets]: what a budget's violation, as a share of its limit, weighs in the loss."""
    spare_multiplier: Tensor
    """[]: what the share that is left of the tightest budget weighs in the loss."""


class BudgetShares(nn.Module):
    """Expected costs as shares of their budgets, [budgets]: above 1 a budget is violated.

    Of what does not add up it is the estimate's expectation.
    """

    def __init__(
        self, space: SearchSpace, budgets: Sequence[AnyBudget], kept: Mapping[str, int] = {}
    ) -> None:
        super().__init__()
        self.costs = nn.ModuleList(_expected_share(space, budget, kept) for budget in budgets)

    def forward(self, probabilities: Probabilities) -> Tensor:
        shares = [cost(probabilities) for cost in self.costs]
        none = next(iter(probabilities.values())).new_zeros(0, dtype=torch.float64)
        return torch.stack(shares) if shares else none


def _expected_share(space: SearchSpace, budget: AnyBudget, kept: Mapping[str, int]) -> ExpectedCost:
    options = decisions(space)
    if isinstance(budget, AddedBudget):
        return ExpectedCost(cost_terms(space), options, (budget.costs / budget.limit).tolist())
    estimate = budget.surrogate(kept)
    return ExpectedCost(estimate, options, [term.cost / budget.limit for term in estimate])


def weights_step(
    state: SearchState, batch: Batch, mixture: Probabilities, *, tally: Tally,
    choices: Choices | None = None, teacher: nn.Module | None = None, teacher_share: float = 0.0,
) -> None:  # fmt: skip
    """Move the supernet's weights; the architecture is left as it is, gradients included.

    choices: the one network to compute instead of the mixture. teacher: who its answers are
    compared with too.
    """
    fixed = {decision: weights.detach() for decision, weights in mixture.items()}
    with mixed_precision(batch.pixels.device), norms_over_ranks():
        if choices is None:
            logits = state.supernet(batch.pixels, fixed)
        else:
            logits = state.supernet.chosen(batch.pixels, choices)
        loss = F.cross_entropy(logits, batch.labels)
        loss = taught(loss, logits, batch.pixels, teacher=teacher, share=teacher_share)
    state.weights_optimizer.zero_grad()
    (loss * batch.share).backward()
    sum_gradients(state.supernet.parameters())
    state.weights_optimizer.step()
    tally.add(logits, batch.labels, loss)


def architecture_step(
    state: SearchState, batch: Batch, mixture: Probabilities, *, penalty: Tensor, tally: Tally,
    choices: Choices | None = None,
) -> None:  # fmt: skip
    """Move the architecture; its gradients are this step's alone, and the weights get none.

    choices: the one network to compute, with gradients to the probabilities of what it computes.
    """
    with mixed_precision(batch.pixels.device), norms_over_ranks():
        if choices is None:
            logits = state.supernet(batch.pixels, mixture)
        else:
            passed = straight_through(mixture, choices)
            logits = state.supernet.chosen(batch.pixels, choices, passed)
        loss = F.cross_entropy(logits, batch.labels)
    parameters = list(state.architecture.parameters())
    objective = (loss + penalty) * batch.share
    gradients = torch.autograd.grad(objective, parameters, allow_unused=True)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    sum_gradients(parameters)
    state.architecture_optimizer.step()
    tally.add(logits, batch.labels, loss)


def architecture_penalty(
    state: SearchState, typical: Probabilities, shares: Tensor, *, entropy_weight: float
) -> Tensor:
    """Return what violated budgets and open decisions add to the architecture's loss."""
    violation = (shares - 1).clamp(min=0)
    budgets = state.multipliers @ violation + state.spare_multiplier * spare_share(shares)
    return budgets + entropy_weight * total_entropy(typical)


def spare_share(shares: Tensor) -> Tensor:
    """Return what is left of the tightest budget, as a share of it; 0 where one is violated."""
    return (1 - shares.max()).clamp(min=0) if len(shares) else shares.sum()


@torch.no_grad()
def raise_multipliers(state: SearchState, shares: Tensor, *, rate: float) -> None:
    """Dual ascent: a multiplier rises by its budget's violation. It never falls.

    Within the budget there is no penalty, so a large multiplier holds the cost at the budget and
    pushes it no further down. What is left of all budgets has a multiplier of its own: a network
    that was asked for at a cost makes use of it, also where a short search sees no gain in that.
    """
    state.multipliers.add_(rate * (shares - 1).clamp(min=0))
    state.spare_multiplier.add_(rate * spare_share(shares))
