"""A frozen network as one safetensors file (format 1).

Tensors have the names of `frozen_tensors`; the file's metadata holds the format, the graph and the
scalars, the last two as JSON.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open

from .atomic import write_atomically
from .blocks import BinaryConv, Classifier, Conv
from .errors import SpaceError
from .frozen import FrozenBlock, FrozenClassifier, FrozenNetwork, Requantize, Threshold
from .frozen_tensors import Tensors, check_tensors, expected_tensors, frozen_tensors
from .graph import Node
from .graph_json import graph_from_json, graph_to_json
from .strict_json import dump_strict, parse_strict

_FORMAT = "1"
_METADATA = {"format", "graph", "scalars"}


@dataclass(frozen=True, slots=True)
class _Scalars:
    """Shifts are by node, of the nodes that have one."""

    real_exponent: int
    logit_scale: float
    shifts: dict[str, int]
    input_shifts: dict[str, int]
    feature_shift: int


_SCALARS = TypeAdapter(_Scalars)


def write_frozen(frozen: FrozenNetwork, path: Path) -> None:
    """Write a frozen network. Raises SpaceError where its arrays do not fit its graph."""
    arrays = {name: np.ascontiguousarray(array) for name, array in frozen_tensors(frozen).items()}
    metadata = {
        "format": _FORMAT,
        "graph": graph_to_json(frozen.graph),
        "scalars": dump_strict(_scalars(frozen), _SCALARS),
    }
    write_atomically(path, safetensors.numpy.save(arrays, metadata))


def read_frozen(path: Path) -> FrozenNetwork:
    """The frozen network of a file.

    Raises SpaceError where the file breaks a rule, OSError where it cannot be read.
    """
    metadata, tensors = _read(path)
    if metadata.get("format") != _FORMAT or set(metadata) != _METADATA:
        raise SpaceError(
            f"{path}: format {metadata.get('format')} with {sorted(metadata)}; this version reads "
            f"format {_FORMAT} with {sorted(_METADATA)}: freeze the network again with this version"
        )
    graph = graph_from_json(metadata["graph"])
    scalars = parse_strict(metadata["scalars"], _SCALARS, what=f"{path}: scalars")
    nodes = list(graph)
    check_tensors(tensors, nodes)
    _check_shifts(scalars, nodes)
    blocks = {node.name: _frozen_block(node, tensors, scalars) for node in nodes}
    return FrozenNetwork(graph, blocks, scalars.real_exponent, scalars.logit_scale)


def _read(path: Path) -> tuple[dict[str, str], Tensors]:
    try:
        with safe_open(path, framework="np") as file:
            names = file.keys()
            return file.metadata() or {}, {name: file.get_tensor(name) for name in names}
    except SafetensorError as error:
        raise SpaceError(
            f"{path}: {error}; it must be a whole safetensors file: freeze the network again"
        ) from error


def _scalars(frozen: FrozenNetwork) -> _Scalars:
    shifts, input_shifts = {}, {}
    feature_shift = 0
    for name, block in frozen.blocks.items():
        if block.requantize is not None:
            shifts[name] = block.requantize.shift
            input_shifts[name] = block.input_shift
        if block.classifier is not None:
            feature_shift = block.classifier.feature_shift
    return _Scalars(frozen.real_exponent, frozen.logit_scale, shifts, input_shifts, feature_shift)


def _check_shifts(scalars: _Scalars, nodes: list[Node]) -> None:
    wanted = {node.name for node in nodes if isinstance(node.block, BinaryConv | Conv)}
    by_node = (("shifts", scalars.shifts, 4), ("input_shifts", scalars.input_shifts, 0))
    for name, shifts, least in by_node:
        if set(shifts) != wanted:
            raise SpaceError(
                f"{name} are of {sorted(shifts)}; must be of all convolutions, {sorted(wanted)}"
            )
        for node, shift in shifts.items():
            if not least <= shift <= 31:
                raise SpaceError(f"{name}: {node}: {shift} must be {least} to 31; freeze again")
    if not 0 <= scalars.feature_shift <= 31:
        raise SpaceError(f"feature_shift {scalars.feature_shift} must be 0 to 31; freeze again")


def _frozen_block(node: Node, tensors: Tensors, scalars: _Scalars) -> FrozenBlock:
    parts = {part: tensors[f"{node.name}/{part}"] for part in expected_tensors(node.block)}
    if isinstance(node.block, Classifier):
        classifier = FrozenClassifier(parts["weights"], parts["bias"], scalars.feature_shift)
        return FrozenBlock(classifier=classifier)
    epilogue = node.block.epilogue
    return FrozenBlock(
        weights=parts.get("weights"),
        requantize=_requantize(parts, scalars.shifts[node.name]) if "weights" in parts else None,
        inner_signs=_signs(parts, "inner", count=epilogue.inner_signs),
        outer_signs=_signs(parts, "outer", count=epilogue.outer_signs),
        input_shift=scalars.input_shifts.get(node.name, 0),
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
