"""The forms that a trained network takes, all asked the same two questions.

Each gives logits [images, classes] of uint8 images [images, size, size, channels], and all its
tensors for one image: [size, size, channels], signs as +1 and -1, or [classes]. Frozen integers,
ONNX and program must agree on every number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from space.blocks import is_sign, ports
from space.frozen import FrozenNetwork
from space.graph import BlockGraph, Value
from space.nn.integer import IntegerNetwork
from space.nn.network import Network
from targets.onnx_part import tensor_name
from targets.onnx_run import onnx_logits, onnx_values
from targets.runners.program import Runnable
from targets.trace import traced_values
from targets.verify import canonical_values

Images = NDArray[np.uint8]
Values = Mapping[Value, NDArray[np.integer]]
_BATCH = 256


class Form(Protocol):
    """An exact form of a network."""

    def logits(self, images: Images) -> NDArray[np.int32]: ...

    def values(self, image: Images) -> Values: ...


class FrozenForm:
    """The frozen integers, computed in torch: what all others are compared with."""

    def __init__(self, frozen: FrozenNetwork) -> None:
        self._network = IntegerNetwork(frozen)

    def logits(self, images: Images) -> NDArray[np.int32]:
        batches = [
            self._network.logits(images[start : start + _BATCH]).numpy()
            for start in range(0, len(images), _BATCH)
        ]
        return np.concatenate(batches)

    def values(self, image: Images) -> Values:
        found = self._network.values(image[None])
        return {value: _canonical(value, tensor[0].numpy()) for value, tensor in found.items()}


def _canonical(value: Value, array: NDArray[np.integer]) -> NDArray[np.integer]:
    if is_sign(value.port):
        array = 1 - 2 * array
    return array if array.ndim == 1 else array.transpose(1, 2, 0)


@dataclass(frozen=True, slots=True)
class OnnxForm:
    """An exported file in onnxruntime."""

    path: Path
    graph: BlockGraph

    def logits(self, images: Images) -> NDArray[np.int32]:
        return onnx_logits(self.path, images)

    def values(self, image: Images) -> Values:
        stored = [Value(node.name, port) for node in self.graph for port in ports(node.block)]
        found = onnx_values(self.path, image[None], [tensor_name(value) for value in stored])
        return {value: found[tensor_name(value)][0] for value in stored}


@dataclass(frozen=True, slots=True)
class ProgramForm:
    """A compiled program, run here, under an emulator or on a board."""

    program: Runnable
    graph: BlockGraph

    def logits(self, images: Images) -> NDArray[np.int32]:
        return self.program.logits(images)

    def values(self, image: Images) -> Values:
        files = [each.file for each in traced_values(self.graph)]
        return canonical_values(self.graph, self.program.trace(image, files))


@torch.inference_mode()
def trained_logits(network: Network, images: Images) -> NDArray[np.float32]:
    """The logits [images, classes] of the network as it was trained, in floating point."""
    network.eval()
    batches = [
        network(torch.from_numpy(images[start : start + _BATCH]).permute(0, 3, 1, 2)).numpy()
        for start in range(0, len(images), _BATCH)
    ]
    return np.concatenate(batches)
