"""What a step of training costs a GPU: multiplications, memory traffic, and operations started."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU's data sheet: bfloat16 with float32 sums, without sparsity; decimal GB."""

    name: str
    tflops: float
    memory_gb_per_s: float
    memory_gb: float


# NVIDIA's Ada architecture white paper, and the data sheets of the A100 and the H100, both SXM.
RTX_4090 = Gpu("RTX 4090", 165.2, 1008, 24)
GPUS = (RTX_4090, Gpu("A100 80 GB", 312, 2039, 80), Gpu("H100 80 GB", 989, 3350, 80))
# Assumed, and said beside every figure that follows from them.
MATH_SHARE = 0.3
"""Of a GPU's peak, that convolutions of 16 to 512 channels reach."""
MEMORY_SHARE = 0.7
"""Of its bandwidth, that elementwise passes reach."""
START_US = 10.0
"""What torch takes to start an operation, while the GPU computes what was started before."""


@dataclass(frozen=True, slots=True)
class StepCost:
    """What a step takes, per image but for what it takes once.

    macs: forward and backward. moved_bytes: read and written by all operations. kept_bytes: held
    for the backward pass. operations: started in a step.
    """

    macs: float
    moved_bytes: float
    moved_once_bytes: float
    kept_bytes: float
    operations: int

    def seconds(self, gpu: Gpu, *, images: int) -> float:
        """Convolutions and elementwise passes after one another, or what starting them takes."""
        moved = self.moved_once_bytes + self.moved_bytes * images
        math = 2 * self.macs * images / (MATH_SHARE * gpu.tflops * 1e12)
        memory = moved / (MEMORY_SHARE * gpu.memory_gb_per_s * 1e9)
        return max(math + memory, self.operations * START_US * 1e-6)


def step_cost(step: Callable[[int], None]) -> StepCost:
    """The cost of a step; step(images) takes one.

    It is counted at 2 and at 4 images, and grows by as much with every image.
    """
    fewer, more = _counted(step, images=2), _counted(step, images=4)
    moved_bytes = (more.moved_bytes - fewer.moved_bytes) / 2
    return StepCost(
        macs=(more.macs - fewer.macs) / 2,
        moved_bytes=moved_bytes,
        moved_once_bytes=fewer.moved_bytes - 2 * moved_bytes,
        kept_bytes=(more.kept_bytes - fewer.kept_bytes) / 2,
        operations=fewer.operations,
    )


@dataclass(frozen=True, slots=True)
class _Counted:
    macs: float
    moved_bytes: int
    kept_bytes: int
    operations: int


def _counted(step: Callable[[int], None], *, images: int) -> _Counted:
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with (
        register_optimizer_step_pre_hook(_as_on_a_gpu),
        _TrafficCounter() as traffic,
        FlopCounterMode(display=False) as flops,
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        step(images)
    macs = flops.get_total_flops() / 2
    return _Counted(macs, traffic.moved_bytes, sum(kept.values()), traffic.operations)


def _as_on_a_gpu(optimizer: torch.optim.Optimizer, *_: object) -> None:
    """Have an optimizer start operations for all its parameters together, as it does on GPUs."""
    for group in optimizer.param_groups:
        group["foreach"] = True


class _TrafficCounter(TorchDispatchMode):
    """Counts the operations in its context, and the bytes of what each reads and writes.

    As if every operation were a kernel of its own, and no cache held what the one before wrote.
    """

    def __init__(self) -> None:
        super().__init__()
        self.moved_bytes, self.operations = 0, 0

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # fmt: skip
        result = func(*args, **(kwargs or {}))
        read = [each for each in tree_leaves((args, kwargs)) if isinstance(each, torch.Tensor)]
        # Lists that are changed in place are not returned.
        changed = args[0] if result is None else result
        written = [each for each in tree_leaves(changed) if isinstance(each, torch.Tensor)]
        places = {each.untyped_storage().data_ptr() for each in read}
        is_view = not func._schema.is_mutable and all(
            each.untyped_storage().data_ptr() in places for each in written
        )
        if not is_view:
            self.moved_bytes += sum(each.numel() * each.element_size() for each in read + written)
            self.operations += 1
        return result
