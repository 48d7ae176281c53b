import math

import numpy as np
import pytest
import torch

from barsctl.architecture_metrics import (
    entropy_group,
    group_entropies,
    log_probabilities,
    primitive_shares,
    total_entropy,
)
from space.decisions import Decisions


def probabilities(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)


@pytest.mark.parametrize(
    ("decision", "group"),
    [("width/0", "width/0"), ("depth/2", "depth/2"), ("op/s0c1/2/0", "op/s0c1")],
)
def test_group_is_a_stage_or_a_topology(decision: str, group: str) -> None:
    assert entropy_group(decision) == group


def test_depth_entropy_is_of_each_stage_alone() -> None:
    """The official code had one softmax over the depths of all stages.

    Two decided stages would have an entropy of log 2 there, and two undecided ones log 4.
    """
    decided = {"depth/0": probabilities(1, 0), "depth/1": probabilities(0, 1)}
    assert {k: float(v) for k, v in group_entropies(decided).items()} == {
        "depth/0": 0.0,
        "depth/1": 0.0,
    }
    half = {"depth/0": probabilities(0.5, 0.5), "depth/1": probabilities(0, 1)}
    assert {k: float(v) for k, v in group_entropies(half).items()} == {
        "depth/0": pytest.approx(1.0),
        "depth/1": 0.0,
    }


def test_group_entropy_is_the_mean_over_its_edges() -> None:
    found = {
        "width/0": probabilities(0.5, 0.5),
        "op/s0c0/1/0": probabilities(1, 0),
        "op/s0c0/2/0": probabilities(0.5, 0.5),
    }
    entropies = {group: float(value) for group, value in group_entropies(found).items()}
    assert entropies == {"width/0": pytest.approx(1.0), "op/s0c0": pytest.approx(0.5)}


def test_every_decision_counts_in_the_total() -> None:
    found = {
        "width/0": probabilities(0.5, 0.5),
        "op/s0c0/1/0": probabilities(1, 0),
        "op/s0c0/2/0": probabilities(0.25, 0.25, 0.25, 0.25),
    }
    assert float(total_entropy(found)) == pytest.approx(math.log(2) + math.log(4))


def test_single_option_is_in_no_group() -> None:
    assert group_entropies({"width/0": probabilities(1)}) == {}


def test_entropy_gradient_is_finite_for_a_decided_edge() -> None:
    logits = torch.tensor([200.0, 0.0], requires_grad=True)
    total_entropy({"width/0": torch.softmax(logits, 0)}).backward()
    assert torch.isfinite(logits.grad).all()  # type: ignore[arg-type]


def test_primitive_shares_are_means_over_edges() -> None:
    options: Decisions = {
        "depth/0": (0, 1),
        "op/s0c0/1/0": ("none", "skip"),
        "op/s0c0/2/0": ("none", "skip"),
    }
    found = {
        "depth/0": probabilities(1, 0),
        "op/s0c0/1/0": probabilities(0.25, 0.75),
        "op/s0c0/2/0": probabilities(0.75, 0.25),
    }
    assert primitive_shares(found, options) == {"none": 0.5, "skip": 0.5}
    assert primitive_shares(found, {"depth/0": (0, 1)}) == {}


def test_only_what_is_kept_excludes_options() -> None:
    """Softmax rounds to 0 too, and a budget may still want such an option."""
    mixed = {"width/0": probabilities(1, 0), "width/1": probabilities(1, 0)}
    found = log_probabilities(mixed, {"width/1": 0})
    assert found["width/0"].tolist() == [0, -100]
    assert found["width/1"].tolist() == [0, -np.inf]
