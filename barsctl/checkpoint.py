"""Checkpoints: tensors and a JSON state in one safetensors file, so that both change at once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, device
from torch.nn import Module
from torch.optim import Optimizer

from space.atomic import write_atomically

from .errors import BarsError
from .run_folder import Json

FORMAT = 1
METADATA = "checkpoint"
_REMEDY = "take the checkpoint that this run left, or start it again in another folder"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A file's tensors named part/name, and what is not a tensor."""

    path: Path
    tensors: dict[str, Tensor]
    state: dict[str, Json]

    def part(self, name: str) -> dict[str, Tensor]:
        """Return the tensors of one part, without its name."""
        prefix = f"{name}/"
        return {
            key.removeprefix(prefix): tensor
            for key, tensor in self.tensors.items()
            if key.startswith(prefix)
        }

    def number(self, name: str) -> float:
        """Return a number of the state. Raises BarsError where it has none."""
        value = self.state.get(name)
        if not isinstance(value, int | float):
            raise BarsError(f"{self.path}: {name} is {value!r}, must be a number; {_REMEDY}")
        return value

    def restore(self, module: Module, part: str) -> None:
        """Put the tensors of a part into a module. Raises BarsError where they are of another."""
        try:
            module.load_state_dict(self.part(part))
        except RuntimeError as error:
            # The first line is torch's title, the second the first tensor at fault.
            reason = " ".join(str(error).splitlines()[1:2]).strip()
            raise BarsError(
                f"{self.path}: {part} does not fit: {reason:.200}; {_REMEDY}"
            ) from error


def save_checkpoint(
    path: Path, parts: Mapping[str, Mapping[str, Tensor]], *, state: Mapping[str, Json]
) -> None:
    """Write a checkpoint; a kill leaves the one before it whole."""
    tensors = {
        f"{part}/{name}": tensor.detach().cpu().contiguous()
        for part, named in parts.items()
        for name, tensor in named.items()
    }
    # One entry: several are written in an order that changes, and equal runs make equal files.
    metadata = {METADATA: json.dumps({"format": FORMAT, "state": state})}
    write_atomically(path, save(tensors, metadata))


def load_checkpoint(path: Path, *, device: device) -> Checkpoint:
    """Read a checkpoint. Raises BarsError where it is missing, damaged or of another format."""
    try:
        with safe_open(path, "pt", device=str(device)) as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (OSError, SafetensorError) as error:
        raise BarsError(f"{path} cannot be read ({error}); {_REMEDY}") from error
    return Checkpoint(path, tensors, checkpoint_state(path, metadata))


def checkpoint_state(path: Path, metadata: Mapping[str, str]) -> dict[str, Json]:
    """What a file's metadata say that is not a tensor. Raises BarsError as `load_checkpoint`."""
    try:
        found = json.loads(metadata.get(METADATA, "{}"))
    except (ValueError, RecursionError) as error:
        raise BarsError(f"{path} cannot be read ({error}); {_REMEDY}") from error
    known = isinstance(found, dict) and isinstance(found.get("state"), dict)
    if not known or found.get("format") != FORMAT:
        raise BarsError(f"{path} is not a checkpoint of format {FORMAT}; {_REMEDY}")
    state: dict[str, Json] = found["state"]
    return state


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """Return an optimiser's state as {"parameter index/name": tensor}.

    Its settings are not among it: they belong to the run's config.
    """
    return {
        f"{index}/{name}": value
        for index, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
        if isinstance(value, Tensor)
    }


def restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` returned, into an optimiser of the same settings.

    As a step makes them: means lie in memory like their parameters, counts of steps on the CPU.
    Otherwise a GPU would be waited for at every count, and means be laid out anew in every step.
    """
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, name = key.split("/")
        parameter = parameters[int(index)]
        is_like = tensor.shape == parameter.shape and tensor.ndim > 0
        state.setdefault(int(index), {})[name] = (
            torch.empty_like(parameter).copy_(tensor) if is_like else tensor.cpu()
        )
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
