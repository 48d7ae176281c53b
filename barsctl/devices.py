"""The device that a search or a training runs on."""

from typing import Literal

import torch

from targets.host import host_flags

from .errors import BarsError
from .launch import launched

BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""As /proc/cpuinfo calls the instructions, on x86 and on ARM."""
DeviceName = Literal["auto", "cpu", "cuda"]


def find_device(name: DeviceName) -> torch.device:
    """Return the device; auto is the GPU where there is one. Raises BarsError.

    Of several processes each takes a GPU of its own. What is computed in float32 there is from then
    on not rounded to TensorFloat-32: signs near their thresholds would differ from the CPU's.
    """
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise BarsError(f"device {name}: torch finds no GPU here; take --device cpu")
    torch.backends.cudnn.allow_tf32 = False
    ranks, gpus = launched(), torch.cuda.device_count()
    if ranks.size == 1:
        return torch.device("cuda")
    if ranks.local_rank >= gpus:
        raise BarsError(
            f"process {ranks.local_rank + 1} of this machine has no GPU, there are {gpus}; "
            f"start {gpus} (--nproc-per-node {gpus}), or take --device cpu"
        )
    return torch.device("cuda", ranks.local_rank)


def mixed_precision(device: torch.device) -> torch.autocast:
    """Return a context that computes binary convolutions in bfloat16, where that is faster.

    That is on GPUs and on processors that multiply bfloat16: training is up to 3 times as fast.
    """
    enabled = device.type == "cuda" or not host_flags().isdisjoint(BFLOAT16_FLAGS)
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)
