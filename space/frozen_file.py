"""A frozen network as one safetensors file (format 1).

Tensors have the names of `frozen_tensors`. The file's metadata has one entry, a JSON text of all
else: several entries would be written in random order, and equal networks as unequal files.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import safetensors.numpy
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open

from .atomic import write_atomically
from .blocks import BinaryConv, Classifier, Conv
from .errors import SpaceError
from .frozen import (
    FrozenBlock,
    FrozenClassifier,
    FrozenNetwork,
    Requantize,
    Threshold,
    check_scalars,
)
from .frozen_tensors import Tensors, check_tensors, expected_tensors, frozen_tensors
from .graph import Node
from .graph_json import GraphJson, graph_document, graph_of
from .strict_json import dump_strict, parse_strict

ENTRY = "frozen"


@dataclass(frozen=True, slots=True)
class _FrozenJson:
    """Shifts are by node, of the nodes that have one."""

    format: Literal[1]
    graph: GraphJson
    real_exponent: int
    logit_scale: float
    shifts: dict[str, int]
    input_shifts: dict[str, int]
    feature_shift: int


_ADAPTER = TypeAdapter(_FrozenJson)


def write_frozen(frozen: FrozenNetwork, path: Path) -> None:
    """Write a frozen network.

    Raises SpaceError where its arrays do not fit its graph, or a number breaks a rule.
    """
    check_scalars(frozen)
    arrays = {name: np.ascontiguousarray(array) for name, array in frozen_tensors(frozen).items()}
    metadata = {ENTRY: dump_strict(_document(frozen), _ADAPTER)}
    write_atomically(path, safetensors.numpy.save(arrays, metadata))


def read_frozen(path: Path) -> FrozenNetwork:
    """The frozen network of a file.

    Raises SpaceError where the file breaks a rule, OSError where it cannot be read.
    """
    metadata, tensors = _read(path)
    if set(metadata) != {ENTRY}:
        raise SpaceError(
            f"{path}: metadata {sorted(metadata)} must be {ENTRY!r} alone; it is no frozen "
            "network: freeze one with this version"
        )
    document = parse_strict(metadata[ENTRY], _ADAPTER, what=str(path))
    graph = graph_of(document.graph)
    nodes = list(graph)
    check_tensors(tensors, nodes)
    _check_names(document, nodes)
    blocks = {node.name: _frozen_block(node, tensors, document) for node in nodes}
    frozen = FrozenNetwork(graph, blocks, document.real_exponent, document.logit_scale)
    check_scalars(frozen)
    return frozen


def _read(path: Path) -> tuple[dict[str, str], Tensors]:
    try:
        with safe_open(path, framework="np") as file:
            names = file.keys()
            return file.metadata() or {}, {name: file.get_tensor(name) for name in names}
    except SafetensorError as error:
        raise SpaceError(
            f"{path}: {error}; it must be a whole safetensors file: freeze the network again"
        ) from error


def _document(frozen: FrozenNetwork) -> _FrozenJson:
    shifts, input_shifts = {}, {}
    feature_shift = 0
    for name, block in frozen.blocks.items():
        if block.requantize is not None:
            shifts[name] = block.requantize.shift
            input_shifts[name] = block.input_shift
        if block.classifier is not None:
            feature_shift = block.classifier.feature_shift
    return _FrozenJson(
        1,
        graph_document(frozen.graph),
        frozen.real_exponent,
        frozen.logit_scale,
        shifts,
        input_shifts,
        feature_shift,
    )


def _check_names(document: _FrozenJson, nodes: list[Node]) -> None:
    wanted = {node.name for node in nodes if isinstance(node.block, BinaryConv | Conv)}
    for name, shifts in (("shifts", document.shifts), ("input_shifts", document.input_shifts)):
        if set(shifts) != wanted:
            raise SpaceError(
                f"{name} are of {sorted(shifts)}; must be of all convolutions, {sorted(wanted)}"
            )


def _frozen_block(node: Node, tensors: Tensors, document: _FrozenJson) -> FrozenBlock:
    parts = {part: tensors[f"{node.name}/{part}"] for part in expected_tensors(node.block)}
    if isinstance(node.block, Classifier):
        classifier = FrozenClassifier(parts["weights"], parts["bias"], document.feature_shift)
        return FrozenBlock(classifier=classifier)
    epilogue = node.block.epilogue
    return FrozenBlock(
        weights=parts.get("weights"),
        requantize=_requantize(parts, document.shifts[node.name]) if "weights" in parts else None,
        inner_signs=_signs(parts, "inner", count=epilogue.inner_signs),
        outer_signs=_signs(parts, "outer", count=epilogue.outer_signs),
        input_shift=document.input_shifts.get(node.name, 0),
    )


def _requantize(parts: Tensors, shift: int) -> Requantize:
    return Requantize(
        parts["multiplier"],
        parts["offset"],
        parts.get("negative_multiplier"),
        parts.get("negative_offset"),
        shift,
    )


def _signs(parts: Tensors, prefix: str, *, count: int) -> tuple[Threshold, ...]:
    ports = [f"{prefix}_sign{number}" for number in range(count)]
    return tuple(Threshold(parts[f"{port}/threshold"], parts[f"{port}/flip"]) for port in ports)
