"""Hand-crafted networks train, freeze and compute on this machine what was trained."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from space.frozen import FrozenNetwork
from space.nn.freeze import freeze
from space.nn.integer import IntegerNetwork
from space.nn.network import Network
from space.reference_names import ReferenceName
from space.references import REFERENCES
from targets.catalog import named_target
from targets.compile import compile_network
from targets.runners.program import Program
from tests.frozen_oracle import oracle_logits


def frozen_after_a_step(name: ReferenceName) -> tuple[FrozenNetwork, NDArray[np.uint8]]:
    """A network trained by one step, as integers, and images [images, size, size, channels]."""
    torch.manual_seed(0)
    # 3 and 2 pixels: an odd size is halved.
    graph = REFERENCES[name](1, 6, 3, channels=8, stem="strided", stages=2)
    network = Network(graph, [100.0], [60.0])
    pixels = torch.randint(0, 256, (24, 1, 6, 6)).float()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    F.cross_entropy(network(pixels), torch.arange(24) % 3).backward()
    gradients = [parameter.grad for parameter in network.parameters()]
    assert all(each is not None and each.isfinite().all() for each in gradients)
    optimizer.step()
    images = pixels.permute(0, 2, 3, 1).byte()
    return freeze(network.eval(), pixels), images.numpy()


@pytest.mark.parametrize("name", REFERENCES)
def test_references_train_and_freeze(name: ReferenceName) -> None:
    frozen, images = frozen_after_a_step(name)
    found = IntegerNetwork(frozen).logits(images)
    np.testing.assert_array_equal(found, oracle_logits(frozen, images))


# The others have no kernels that these and searched networks have not.
@pytest.mark.parametrize("name", ["reactnet-like", "quicknet-like"])
def test_references_compute_what_was_trained(name: ReferenceName, tmp_path: Path) -> None:
    frozen, images = frozen_after_a_step(name)
    artefacts = compile_network(
        frozen, named_target("host"), tmp_path,
        name="reference", class_names=["a", "b", "c"], notify=lambda _: None,
    )  # fmt: skip
    program = Program((str(artefacts.program),), emulated=False)
    np.testing.assert_array_equal(program.logits(images), oracle_logits(frozen, images))
