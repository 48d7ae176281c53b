"""Exported networks in stock onnxruntime: their logits, and values to locate a mismatch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from .errors import TargetError
from .onnx_export import IMAGES
from .onnx_part import LOGITS

_BATCH = 64


def onnx_logits(path: Path, images: NDArray[np.uint8]) -> NDArray[np.int32]:
    """The logits [images, classes] of uint8 images [images, size, size, channels]."""
    return _run(path.read_bytes(), images, [LOGITS])[LOGITS]


def onnx_values(
    path: Path, images: NDArray[np.uint8], names: Sequence[str]
) -> dict[str, NDArray[np.int32]]:
    """Tensors by name, as onnx_part.tensor_name gives it, [images, size, size, channels].

    A sign is +1 or -1; logits are [images, classes]. Raises TargetError where a name is not there.
    """
    model = onnx.load(path)
    there = {name for node in model.graph.node for name in node.output}
    for name in names:
        if name not in there:
            raise TargetError(f"{path}: no tensor {name!r}; ask for '{{node}}:{{port}}' of a block")
        if name != LOGITS:
            info = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
            model.graph.output.append(info)
    found = _run(model.SerializeToString(), images, names)
    return {
        name: array if array.ndim == 2 else array.transpose(0, 2, 3, 1)
        for name, array in found.items()
    }


def _run(
    model: bytes, images: NDArray[np.uint8], names: Sequence[str]
) -> dict[str, NDArray[np.int32]]:
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    batches = [
        session.run(list(names), {IMAGES: images[start : start + _BATCH]})
        for start in range(0, len(images), _BATCH)
    ]
    return {
        name: np.concatenate(arrays).astype(np.int32)
        for name, *arrays in zip(names, *batches, strict=True)
    }
