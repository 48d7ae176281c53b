"""The steps of a search: gradients, penalties and multipliers."""

from pathlib import Path

import pytest
import torch

from barsctl.batches import Batch
from barsctl.budgets import Budget
from barsctl.evaluate import Tally
from barsctl.pricing import hard_budgets
from barsctl.search import new_state
from barsctl.search_sampling import distribution, sample
from barsctl.search_steps import (
    BudgetShares,
    SearchState,
    architecture_penalty,
    architecture_step,
    raise_multipliers,
    weights_step,
)
from costmodels.selection import AddedBudget
from tests.barsctl.tiny_runs import CPU, SEARCH, SPACE, tiny_config, tiny_dataset, write_images

EPOCH = SEARCH.warmup_epochs


def fresh_state(folder: Path, *, budgets: int = 0) -> SearchState:
    return new_state(SPACE, tiny_dataset(folder), SEARCH, budgets=budgets, device=CPU)


def one_batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (12, 1, 8, 8), generator=generator, dtype=torch.uint8)
    return Batch(pixels, torch.arange(12) % SPACE.classes)


def mixture(state: SearchState) -> dict[str, torch.Tensor]:
    return dict(sample(state, SEARCH, EPOCH, generator=torch.Generator().manual_seed(3)))


def gradients(module: torch.nn.Module) -> list[torch.Tensor | None]:
    return [parameter.grad for parameter in module.parameters()]


def test_steps_of_one_network_move_what_it_computes(tmp_path: Path) -> None:
    state = fresh_state(tmp_path)
    found = mixture(state)
    choices = dict.fromkeys(found, 1) | {"depth/0": 0, "depth/1": 1}
    weights_step(state, one_batch(), found, tally=Tally(), choices=choices)
    unread = state.supernet.cell("s0c0").parameters()
    assert all(parameter.grad is None for parameter in unread)
    process = state.supernet.cell("s1c0").process
    assert process is not None
    assert process.weight.grad is not None
    penalty = torch.zeros(())
    architecture_step(state, one_batch(), found, penalty=penalty, tally=Tally(), choices=choices)
    moved = {name for name, each in state.architecture.logits.items() if each.grad is not None}
    assert {"width/0", "depth/0", "depth/1", "op/s1c0/1/0"} < moved
    assert "op/s0c0/1/0" not in moved


def test_weights_step_leaves_architecture_alone(tmp_path: Path) -> None:
    state = fresh_state(tmp_path)
    before = [parameter.clone() for parameter in state.architecture.parameters()]
    weights_step(state, one_batch(), mixture(state), tally=Tally())
    assert all(gradient is None for gradient in gradients(state.architecture))
    after = state.architecture.parameters()
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_architecture_gradients_are_zeroed_between_steps(tmp_path: Path) -> None:
    """The official code let them add up over the whole search."""
    state = fresh_state(tmp_path)
    state.architecture_optimizer.param_groups[0]["lr"] = 0.0
    no_penalty = torch.zeros(())
    found = []
    for _ in range(2):
        architecture_step(state, one_batch(), mixture(state), penalty=no_penalty, tally=Tally())
        found.append([g.clone() for g in gradients(state.architecture) if g is not None])
    assert sum(float(gradient.abs().sum()) for gradient in found[0]) > 0
    assert all(torch.equal(*pair) for pair in zip(*found, strict=True))


def test_architecture_step_leaves_weights_alone(tmp_path: Path) -> None:
    state = fresh_state(tmp_path)
    before = [parameter.clone() for parameter in state.supernet.parameters()]
    architecture_step(state, one_batch(), mixture(state), penalty=torch.zeros(()), tally=Tally())
    assert all(gradient is None for gradient in gradients(state.supernet))
    after = state.supernet.parameters()
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_entropy_term_has_its_weights_sign(sign: float, tmp_path: Path) -> None:
    """Descending with a weight above 0 decides a depth that leans to 1, below 0 it opens it."""
    state = fresh_state(tmp_path)
    logits = state.architecture.logits["depth/0"]
    logits.data.copy_(torch.tensor([0.0, 1.0]))
    typical, shares = distribution(state, SEARCH, EPOCH), torch.zeros(0, dtype=torch.float64)
    architecture_penalty(state, typical, shares, entropy_weight=sign).backward()
    assert logits.grad is not None
    assert float(logits.grad[1]) * sign < 0


def test_multipliers_rise_only_while_violated(tmp_path: Path) -> None:
    state = fresh_state(tmp_path, budgets=2)
    raise_multipliers(state, torch.tensor([1.5, 0.5], dtype=torch.float64), rate=0.1)
    raise_multipliers(state, torch.tensor([0.9, 3.0], dtype=torch.float64), rate=0.1)
    assert state.multipliers.tolist() == pytest.approx([0.05, 0.2])


def test_spare_multiplier_rises_only_while_all_budgets_are_kept(tmp_path: Path) -> None:
    state = fresh_state(tmp_path, budgets=2)
    raise_multipliers(state, torch.tensor([0.25, 0.75], dtype=torch.float64), rate=0.1)
    raise_multipliers(state, torch.tensor([1.5, 0.5], dtype=torch.float64), rate=0.1)
    assert float(state.spare_multiplier) == pytest.approx(0.1 * 0.25)


def test_spare_budget_is_a_loss(tmp_path: Path) -> None:
    state = fresh_state(tmp_path, budgets=2)
    state.spare_multiplier.fill_(3.0)
    typical = distribution(state, SEARCH, EPOCH)
    shares = torch.tensor([0.5, 0.75], dtype=torch.float64, requires_grad=True)
    penalty = architecture_penalty(state, typical, shares, entropy_weight=0.0)
    assert float(penalty.detach()) == pytest.approx(3 * 0.25)
    penalty.backward()
    # Descending makes the tightest budget's cost rise.
    assert shares.grad is not None
    assert shares.grad.tolist() == [0.0, -3.0]


def test_penalty_is_zero_within_the_budget(tmp_path: Path) -> None:
    state = fresh_state(tmp_path, budgets=2)
    state.multipliers.copy_(torch.tensor([3.0, 2.0]))
    typical = distribution(state, SEARCH, EPOCH)
    shares = torch.tensor([0.9, 1.25], dtype=torch.float64)
    penalty = architecture_penalty(state, typical, shares, entropy_weight=0.0)
    assert float(penalty.detach()) == pytest.approx(0.5)


def test_budget_share_of_a_chosen_network_is_its_cost(tmp_path: Path) -> None:
    config = tiny_config(write_images(tmp_path), Budget("bops", 1e5))
    budgets = hard_budgets(config.budgets, config.space, tables=())
    state = new_state(SPACE, tiny_dataset(tmp_path), SEARCH, budgets=1, device=CPU)
    share = BudgetShares(SPACE, budgets)(distribution(state, SEARCH, 0))
    assert share.shape == (1,)
    assert isinstance(budgets[0], AddedBudget)
    assert 0 < float(share) * 1e5 < budgets[0].costs.sum()
