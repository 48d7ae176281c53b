from pathlib import Path

import numpy as np
import pytest
import torch

from barsctl.devices import find_device, mixed_precision
from barsctl.errors import BarsError
from barsctl.random_numbers import initial_weights
from space.decode import decode
from space.genotype import random_genotype
from space.nn.architecture import Architecture
from space.nn.network import Network
from space.nn.real import real_network
from space.nn.supernet import Supernet
from tests.barsctl.tiny_runs import SPACE, tiny_dataset


def test_auto_is_the_cpu_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert find_device("auto") == find_device("cpu") == torch.device("cpu")
    with pytest.raises(BarsError, match="torch finds no GPU here; take --device cpu"):
        find_device("cuda")


def test_auto_is_the_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    assert find_device("auto") == find_device("cuda") == torch.device("cuda")
    assert not torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize(
    ("flags", "dtype"), [({"avx2"}, torch.float32), ({"avx2", "avx512_bf16"}, torch.bfloat16)]
)
def test_cpu_uses_bfloat16_instructions(
    monkeypatch: pytest.MonkeyPatch, flags: set[str], dtype: torch.dtype
) -> None:
    monkeypatch.setattr("barsctl.devices.host_flags", lambda: frozenset(flags))
    with mixed_precision(torch.device("cpu")):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == dtype


def test_networks_learn_in_bfloat16(tmp_path: Path) -> None:
    """What a GPU's mixed precision does, with the CPU's."""
    dataset = tiny_dataset(tmp_path)
    graph = decode(random_genotype(SPACE, np.random.default_rng(2)))
    pixels = torch.from_numpy(dataset.train.batch(np.arange(16))).permute(0, 3, 1, 2)
    with initial_weights(0):
        supernet = Supernet(SPACE, dataset.mean, dataset.std)
        networks = [make(graph, dataset.mean, dataset.std) for make in (Network, real_network)]
    probabilities = Architecture(SPACE).probabilities(1.0)
    with torch.autocast("cpu", torch.bfloat16):
        losses = [network(pixels).float().square().mean() for network in networks]
        losses.append(supernet(pixels, probabilities).float().square().mean())
    for network, loss in zip([*networks, supernet], losses, strict=True):
        loss.backward()
        found = [each.grad for each in network.parameters() if each.grad is not None]
        assert found
        assert all(torch.isfinite(gradient).all() for gradient in found)
