"""A file that `export_onnx` wrote, back as the frozen network that it was.

The graph, the exponent and the scale of the logits come from the metadata, all other integers from
the initialisers. Then the network is exported again: the nodes and constants of the file must be
those, so nothing in it can say anything else than what is read.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from space.blocks import BinaryConv, Block, Classifier, Conv
from space.frozen import (
    FrozenBlock,
    FrozenClassifier,
    FrozenNetwork,
    Requantize,
    Threshold,
    check_scalars,
)
from space.frozen_tensors import frozen_tensors
from space.graph import Node
from space.graph_json import graph_from_json
from targets.emit_about import Score
from targets.errors import TargetError
from targets.onnx_export import FORMAT, exported_model

from .given import GivenModel

# What a program's int holds.
_MOST_IMAGES = 2**31 - 1
_REMEDY = "compile the run that it comes from again"


@dataclass(frozen=True, slots=True, eq=False)
class OwnModel:
    """What a file of ours holds; name: of the program that was compiled beside it."""

    frozen: FrozenNetwork
    name: str
    class_names: tuple[str, ...] | None
    score: Score | None


def read_own(given: GivenModel) -> OwnModel:
    """The network that was exported.

    Raises TargetError where the file is of another format, or was changed since.
    """
    metadata = {entry.key: entry.value for entry in given.model.metadata_props}
    if metadata.get("format") != str(FORMAT):
        raise TargetError(
            f"{given.path}: format {metadata.get('format')} of barsctl's ONNX files, this version "
            f"reads {FORMAT}; {_REMEDY}"
        )
    try:
        own = OwnModel(
            _frozen(given, metadata), given.model.graph.name, _class_names(metadata),
            _score(metadata),
        )  # fmt: skip
        frozen_tensors(own.frozen)
        check_scalars(own.frozen)
        exported = exported_model(
            own.frozen, class_names=own.class_names, name=own.name, score=own.score
        )
    except (KeyError, ValueError, IndexError, TypeError, OverflowError) as error:
        raise TargetError(
            f"{given.path}: metadata and constants do not fit ({error}); {_REMEDY}"
        ) from error
    _check_equal(given.path, given.model, exported)
    return own


def _class_names(metadata: dict[str, str]) -> tuple[str, ...] | None:
    if "class_names" not in metadata:
        return None
    names = json.loads(metadata["class_names"])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise TargetError(f"class_names {names!r:.80} must be a list of texts")
    return tuple(names)


def _score(metadata: dict[str, str]) -> Score | None:
    if "test_images" not in metadata:
        return None
    score = Score(int(metadata["right_images"]), int(metadata["test_images"]))
    if not 0 <= score.right <= score.images or not 0 < score.images <= _MOST_IMAGES:
        raise TargetError(f"{score.right} of {score.images} test images are labelled rightly")
    return score


def _frozen(given: GivenModel, metadata: dict[str, str]) -> FrozenNetwork:
    graph = graph_from_json(metadata["graph"], what=str(given.path))
    constants = _Constants(
        {tensor.name: numpy_helper.to_array(tensor) for tensor in given.model.graph.initializer}
    )
    logit_scale = float(metadata["logit_scale"])
    blocks = {node.name: _block(node, constants) for node in graph}
    return FrozenNetwork(graph, blocks, int(metadata["real_exponent"]), logit_scale)


@dataclass(frozen=True, slots=True, eq=False)
class _Constants:
    """The constants of a file, by node and name in it."""

    arrays: dict[str, NDArray[Any]]

    def array(self, node: Node, name: str) -> NDArray[Any]:
        return self.arrays[f"{node.name}:{name}"]

    def has(self, node: Node, name: str) -> bool:
        return f"{node.name}:{name}" in self.arrays

    def integers(self, node: Node, name: str) -> NDArray[np.int32]:
        # What is no integer differs from the file when it is exported again.
        with np.errstate(invalid="ignore"):
            return self.array(node, name).ravel().astype(np.int32)

    def shift(self, node: Node, name: str) -> int:
        """The shift to the right of a constant 2**-shift."""
        return round(-math.log2(self.array(node, name).item()))


def _block(node: Node, constants: _Constants) -> FrozenBlock:
    block = node.block
    if isinstance(block, Classifier):
        return FrozenBlock(classifier=_classifier(node, block, constants))
    inner, outer = block.epilogue.inner_signs, block.epilogue.outer_signs
    is_conv = isinstance(block, BinaryConv | Conv)
    return FrozenBlock(
        weights=_weights(node, block, constants) if is_conv else None,
        requantize=_requantize(node, constants) if is_conv else None,
        inner_signs=tuple(_sign(node, f"inner_sign{index}", constants) for index in range(inner)),
        outer_signs=tuple(_sign(node, f"outer_sign{index}", constants) for index in range(outer)),
        input_shift=constants.shift(node, "input_unit")
        if isinstance(block, Conv) and not block.image
        else 0,
    )


def _weights(node: Node, block: Block, constants: _Constants) -> NDArray[np.int8]:
    if isinstance(block, BinaryConv):
        found: NDArray[np.int8] = constants.array(node, "weights")
        return found
    total = constants.array(node, "weights0").copy()
    index = 1
    while constants.has(node, f"weights{index}"):
        total += constants.array(node, f"weights{index}")
        index += 1
    return total


def _requantize(node: Node, constants: _Constants) -> Requantize:
    is_activated = constants.has(node, "negative_multiplier")
    return Requantize(
        constants.integers(node, "scaled_multiplier"),
        constants.integers(node, "scaled_offset"),
        constants.integers(node, "negative_multiplier") if is_activated else None,
        constants.integers(node, "negative_offset") if is_activated else None,
        constants.shift(node, "unit"),
    )


def _sign(node: Node, port: str, constants: _Constants) -> Threshold:
    flip = constants.integers(node, f"{port}_factor") < 0
    offset = constants.integers(node, f"{port}_offset")
    return Threshold(np.where(flip, offset + 1, -offset).astype(np.int16), flip)


def _classifier(node: Node, block: Classifier, constants: _Constants) -> FrozenClassifier:
    steps = constants.array(node, "divisor").item() / (2 * block.in_size**2)
    return FrozenClassifier(
        np.ascontiguousarray(constants.array(node, "weights").T),
        constants.integers(node, "bias"),
        feature_shift=round(math.log2(steps)),
    )


def _check_equal(path: Path, found: onnx.ModelProto, expected: onnx.ModelProto) -> None:
    """Raise TargetError about the first part of the file that was not exported so."""
    pairs = (
        ("node", found.graph.node, expected.graph.node),
        ("constant", found.graph.initializer, expected.graph.initializer),
        ("input", found.graph.input, expected.graph.input),
        ("output", found.graph.output, expected.graph.output),
        ("function", found.functions, expected.functions),
    )
    for kind, there, wanted in pairs:
        for one, other in zip(there, wanted, strict=False):
            if one != other:
                raise _changed(path, f"{kind} {one.name!r}")
        if len(there) != len(wanted):
            raise _changed(path, f"{len(there)} instead of {len(wanted)} {kind}s")


def _changed(path: Path, what: str) -> TargetError:
    return TargetError(f"{path}: {what}: this is not what its metadata describe; {_REMEDY}")
