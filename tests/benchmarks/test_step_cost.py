"""What a step is counted to take, and what a GPU takes for it, against sums made by hand."""

import pytest
import torch
from harness.step_cost import Gpu, StepCost, step_cost

# 2 TFLOPS and 1 TB/s, of which convolutions and passes are taken to reach 0.6 and 0.7.
GPU = Gpu("round", tflops=2, memory_gb_per_s=1000, memory_gb=1)


def test_a_product_is_counted_by_hand() -> None:
    weights = torch.ones(3, 2)
    inputs = torch.ones(4, 3)

    def step(images: int) -> None:
        torch.mm(inputs[:images], weights).t()

    # An image: 3 x 2 MACs, 3 values read and 2 written, of 4 bytes. Once: the 6 weights.
    assert step_cost(step) == StepCost(
        macs=6, moved_bytes=20, moved_once_bytes=24, kept_bytes=0, operations=1
    )


def test_what_backward_needs_is_kept_once() -> None:
    inputs = torch.ones(4, 8, requires_grad=True)

    def step(images: int) -> None:
        kept = inputs[:images].exp()
        (kept * kept).sum()

    # exp and the product keep the same 8 values of an image.
    assert step_cost(step).kept_bytes == 32


def test_an_optimizer_moves_all_parameters_together() -> None:
    def operations(parameters: int) -> int:
        moved = [torch.zeros(2, requires_grad=True) for _ in range(parameters)]
        optimizer = torch.optim.AdamW(moved)
        for parameter in moved:
            parameter.grad = torch.ones(2)
        optimizer.step()
        return step_cost(lambda _: optimizer.step()).operations

    assert operations(6) == operations(3)


def test_multiplications_and_traffic_add_up() -> None:
    cost = StepCost(
        macs=0.15e12, moved_bytes=0.35e12, moved_once_bytes=0.7e12, kept_bytes=0, operations=1
    )
    # Two images: 0.6 of 0.6 TFLOP/s, then 1.4 of 0.7 TB/s.
    assert cost.seconds(GPU, images=2) == pytest.approx(1 + 2)


def test_many_small_operations_take_their_start() -> None:
    cost = StepCost(macs=1, moved_bytes=1, moved_once_bytes=0, kept_bytes=0, operations=300_000)
    assert cost.seconds(GPU, images=2) == pytest.approx(3)
