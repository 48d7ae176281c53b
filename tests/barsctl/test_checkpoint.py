from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from barsctl.checkpoint import (
    load_checkpoint,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
)
from barsctl.errors import BarsError

CPU = torch.device("cpu")


def trained(steps: int) -> tuple[torch.nn.Conv2d, torch.optim.AdamW]:
    """A convolution and its optimiser after some steps on fixed gradients."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        layer = torch.nn.Conv2d(3, 4, 3)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1)
    for step in range(steps):
        take_step(layer, optimizer, step)
    return layer, optimizer


def take_step(layer: torch.nn.Conv2d, optimizer: torch.optim.AdamW, step: int) -> None:
    for parameter in layer.parameters():
        parameter.grad = torch.full_like(parameter, 1.0 / (step + 1))
    optimizer.step()


def test_checkpoint_round_trip(tmp_path: Path) -> None:
    tensors = {"weight": torch.arange(6.0).reshape(2, 3).T, "count": torch.tensor(3)}
    save_checkpoint(tmp_path / "last.safetensors", {"net": tensors}, state={"epoch": 2})
    found = load_checkpoint(tmp_path / "last.safetensors", device=CPU)
    assert found.state == {"epoch": 2}
    assert found.part("net").keys() == tensors.keys()
    assert all(torch.equal(found.part("net")[name], tensors[name]) for name in tensors)
    assert found.part("ne") == {}


def test_optimizer_state_survives_resume(tmp_path: Path) -> None:
    """The official code lost it: the steps after a resume were a first step's."""
    layer, optimizer = trained(3)
    path = tmp_path / "last.safetensors"
    parts = {"layer": layer.state_dict(), "optimizer": optimizer_tensors(optimizer)}
    save_checkpoint(path, parts, state={})
    take_step(layer, optimizer, 3)

    found = load_checkpoint(path, device=CPU)
    resumed, resumed_optimizer = trained(0)
    resumed.load_state_dict(found.part("layer"))
    restore_optimizer(resumed_optimizer, found.part("optimizer"))
    take_step(resumed, resumed_optimizer, 3)
    assert torch.equal(layer.weight, resumed.weight)
    assert torch.equal(layer.bias, resumed.bias)  # type: ignore[arg-type]


def test_restored_means_lie_like_their_parameters() -> None:
    layer, optimizer = trained(1)
    saved = {key: each.contiguous() for key, each in optimizer_tensors(optimizer).items()}
    resumed, resumed_optimizer = trained(0)
    resumed.weight.data = resumed.weight.data.contiguous(memory_format=torch.channels_last)
    restore_optimizer(resumed_optimizer, saved)
    state = resumed_optimizer.state[resumed.weight]
    assert state["exp_avg"].stride() == resumed.weight.stride() != layer.weight.stride()
    assert torch.equal(state["exp_avg"], optimizer.state[layer.weight]["exp_avg"])
    assert (state["step"].device, float(state["step"])) == (CPU, 1.0)


def test_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(BarsError, match=r"last\.safetensors cannot be read"):
        load_checkpoint(tmp_path / "last.safetensors", device=CPU)


def test_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "last.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    with pytest.raises(BarsError, match=r"last\.safetensors cannot be read"):
        load_checkpoint(tmp_path / "last.safetensors", device=CPU)


def test_equal_states_make_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        parts = {"net": {"weight": torch.ones(3)}}
        save_checkpoint(tmp_path / name, parts, state={"epoch": 2, "best": 0.5})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_other_safetensors_file_is_refused(tmp_path: Path) -> None:
    save_file({"weight": torch.ones(3)}, tmp_path / "model.safetensors")
    with pytest.raises(BarsError, match="is not a checkpoint of format 1"):
        load_checkpoint(tmp_path / "model.safetensors", device=CPU)


def test_tensors_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    save_checkpoint(path, {"network": torch.nn.Linear(2, 3).state_dict()}, state={})
    found = load_checkpoint(path, device=CPU)
    with pytest.raises(BarsError, match=r"last.safetensors: network does not fit: size mismatch"):
        found.restore(torch.nn.Linear(2, 4), "network")


def test_missing_number_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    save_checkpoint(path, {}, state={"epoch": "two"})
    with pytest.raises(BarsError, match=r"last.safetensors: epoch is 'two', must be a number"):
        load_checkpoint(path, device=CPU).number("epoch")


@pytest.mark.parametrize("entry", ["{", "[]", '{"format": 1}', '{"format": 1, "state": 3}'])
def test_damaged_state_is_refused(entry: str, tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    save_file({"network/a": torch.zeros(1)}, path, {"checkpoint": entry})
    with pytest.raises(BarsError, match=r"cannot be read|is not a checkpoint of format 1"):
        load_checkpoint(path, device=CPU)
