"""The device that a search or a training runs on."""

from typing import Literal

import torch

from .errors import BarsError

DeviceName = Literal["auto", "cpu", "cuda"]


def find_device(name: DeviceName) -> torch.device:
    """Return the device; auto is the GPU where there is one. Raises BarsError."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise BarsError(f"device {name}: torch finds no GPU here; take --device cpu")
    return torch.device(name)


def mixed_precision(device: torch.device) -> torch.autocast:
    """Return a context in which a GPU computes in bfloat16; a CPU gains nothing from it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")
