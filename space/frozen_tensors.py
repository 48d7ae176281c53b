"""The arrays of a frozen network by name, with the shapes and types that its graph asks for.

Names are {node}/{part}: weights, multiplier, offset, negative_multiplier, negative_offset, bias,
and {port}/threshold and {port}/flip of each sign.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .blocks import BinaryConv, Block, Classifier, Conv, is_sign
from .errors import SpaceError
from .frozen import FrozenBlock, FrozenNetwork
from .graph import Node

Tensors = dict[str, NDArray[Any]]


def frozen_tensors(frozen: FrozenNetwork) -> Tensors:
    """All arrays of a frozen network by name.

    Raises SpaceError where one is missing, of another shape or type, or not asked for.
    """
    found: Tensors = {}
    for node in frozen.graph:
        parts = _block_tensors(frozen.blocks[node.name])
        found |= {f"{node.name}/{part}": array for part, array in parts.items()}
    check_tensors(found, list(frozen.graph))
    return found


def _block_tensors(block: FrozenBlock) -> Tensors:
    parts: dict[str, NDArray[Any] | None] = {"weights": block.weights}
    if block.requantize is not None:
        parts |= {
            "multiplier": block.requantize.multiplier,
            "offset": block.requantize.offset,
            "negative_multiplier": block.requantize.negative_multiplier,
            "negative_offset": block.requantize.negative_offset,
        }
    for prefix, signs in (("inner", block.inner_signs), ("outer", block.outer_signs)):
        for number, sign in enumerate(signs):
            port = f"{prefix}_sign{number}"
            parts |= {f"{port}/threshold": sign.threshold, f"{port}/flip": sign.flip}
    if block.classifier is not None:
        parts |= {"weights": block.classifier.weights, "bias": block.classifier.bias}
    return {name: array for name, array in parts.items() if array is not None}


def expected_tensors(block: Block) -> dict[str, tuple[str, tuple[int, ...]]]:
    """(dtype, shape) of each array that a block needs."""
    if isinstance(block, Classifier):
        weights = (block.classes, sum(block.in_channels))
        return {"weights": ("int8", weights), "bias": ("int32", (block.classes,))}
    channels = (block.out_channels,)
    found: dict[str, tuple[str, tuple[int, ...]]] = {}
    if isinstance(block, BinaryConv | Conv):
        window = block.kernel_size**2
        shape = (*channels, block.reduction // window, block.kernel_size, block.kernel_size)
        found["weights"] = ("int8", shape)
        signs = ("", "negative_") if block.epilogue.activation != "none" else ("",)
        found |= {f"{sign}multiplier": ("int32", channels) for sign in signs}
        found |= {f"{sign}offset": ("int32", channels) for sign in signs}
    for port in filter(is_sign, block.epilogue.ports):
        found |= {f"{port}/threshold": ("int16", channels), f"{port}/flip": ("bool", channels)}
    return found


def check_tensors(tensors: Tensors, nodes: Sequence[Node]) -> None:
    """Raise SpaceError unless these are exactly the arrays that the nodes need."""
    expected = {
        f"{node.name}/{part}": wanted
        for node in nodes
        for part, wanted in expected_tensors(node.block).items()
    }
    if set(tensors) != set(expected):
        wrong = min(set(tensors) ^ set(expected))
        rule = "is missing" if wrong in expected else "fits no block"
        raise SpaceError(f"tensor {wrong} {rule}; freeze the network that the graph describes")
    for name, wanted in expected.items():
        found = (str(tensors[name].dtype), tensors[name].shape)
        if found != wanted:
            raise SpaceError(
                f"tensor {name} is {found[0]} {found[1]}, must be {wanted[0]} {wanted[1]}; freeze "
                "the network that the graph describes"
            )
    for node in nodes:
        if isinstance(node.block, BinaryConv):
            _check_binary(f"{node.name}/weights", tensors)


def _check_binary(name: str, tensors: Tensors) -> None:
    values = np.unique(tensors[name]).tolist()
    if not set(values) <= {-1, 1}:
        raise SpaceError(f"tensor {name} holds {values[:4]}; binary weights must be -1 or 1")
