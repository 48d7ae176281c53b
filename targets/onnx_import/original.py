"""A foreign QONNX model as it is, in stock onnxruntime: what its compiled form is compared with."""

from collections.abc import Iterator, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from targets.errors import TargetError
from targets.onnx_blocks import QONNX_DOMAIN

from .constants import attribute
from .foreign import PIXEL_SCALE
from .given import GivenModel

_BATCH = 64
_LARGEST_BATCH = 1024
_ERRORS_ONLY = 3
_ROUNDINGS = {"ROUND": "Round", "HALF_EVEN": "Round", "CEIL": "Ceil", "FLOOR": "Floor"}


def original_logits(given: GivenModel, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The logits [images, classes] of uint8 images [images, size, size, channels].

    Raises TargetError where onnxruntime cannot run the model.
    """
    import onnxruntime

    model = standard_model(given.model)
    (source,) = model.graph.input
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    pixels = (images.transpose(0, 3, 1, 2) * np.float32(PIXEL_SCALE)).astype(np.float32)
    # Models are often exported for one image at a time.
    batch = source.type.tensor_type.shape.dim[0].dim_value or _BATCH
    if not 1 <= batch <= _LARGEST_BATCH:
        raise TargetError(
            f"{given.path}: it reads {batch} images at once; export it for 1 to {_LARGEST_BATCH}"
        )
    rest = np.zeros((-len(pixels) % batch, *pixels.shape[1:]), np.float32)
    padded = np.concatenate([pixels, rest])
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        found = [
            session.run(None, {source.name: padded[start : start + batch]})[0]
            for start in range(0, len(padded), batch)
        ]
    except Exception as error:  # onnxruntime has dozens of its own
        reason = " ".join(str(error).split())
        raise TargetError(
            f"{given.path}: onnxruntime cannot run it ({reason}); export the model again"
        ) from error
    logits: NDArray[np.float32] = np.concatenate(found)
    if logits.shape[:1] != padded.shape[:1] or logits.ndim != 2:
        raise TargetError(
            f"{given.path}: it answers {list(found[0].shape)} for {batch} images; logits of "
            "[images, classes] are needed: export it so"
        )
    return logits[: len(images)]


def standard_model(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with QONNX's operators spelled out in ONNX's own; its images are its one input."""
    standard = onnx.ModelProto()
    standard.CopyFrom(model)
    del standard.graph.node[:], standard.graph.input[:]
    # Older exporters list constants among the inputs too.
    constant_names = {each.name for each in model.graph.initializer}
    standard.graph.input.extend(
        each for each in model.graph.input if each.name not in constant_names
    )
    constants = [
        numpy_helper.from_array(np.array(number, np.float32), f"qonnx:{number}")
        for number in (0, 1, 2)
    ]
    standard.graph.initializer.extend(constants)
    for node in model.graph.node:
        is_quant = node.domain == QONNX_DOMAIN
        standard.graph.node.extend(_spelled_out(node) if is_quant else [node])
    return standard


def _spelled_out(node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    steps = _bipolar() if node.op_type == "BipolarQuant" else _quant(node)
    place = node.output[0]
    names = {output: f"{place}:{output}" for _, _, output in steps} | {"y": place}
    for operator, inputs, output in steps:
        sources = [
            node.input[each] if isinstance(each, int) else names.get(each, f"qonnx:{each}")
            for each in inputs
        ]
        yield helper.make_node(operator, sources, [names[output]], f"{place}:{output}")


# Operator, inputs and output; a number is the node's own input of that index.
_Steps = Sequence[tuple[str, Sequence[str | int], str]]


def _bipolar() -> _Steps:
    data, scale = range(2)
    return (
        ("Less", (data, "0"), "is_negative"),
        ("Neg", (scale,), "negative"),
        ("Where", ("is_negative", "negative", scale), "y"),
    )


def _quant(node: onnx.NodeProto) -> _Steps:
    data, scale, zero_point, bits = range(4)
    narrow = str(int(bool(attribute(node, "narrow", 0))))
    rounding = _ROUNDINGS[str(attribute(node, "rounding_mode", "ROUND")).upper()]
    if attribute(node, "signed", 1):
        bounds: _Steps = (
            ("Sub", (bits, "1"), "magnitude"),
            ("Pow", ("2", "magnitude"), "half"),
            ("Neg", ("half",), "least"),
            ("Add", ("least", narrow), "low"),
            ("Sub", ("half", "1"), "high"),
        )
    else:
        bounds = (
            ("Pow", ("2", bits), "count"),
            ("Sub", ("count", "1"), "most"),
            ("Sub", ("most", narrow), "high"),
            ("Add", ("0", "0"), "low"),
        )
    return (
        *bounds,
        ("Div", (data, scale), "scaled"),
        ("Add", ("scaled", zero_point), "moved"),
        ("Max", ("moved", "low"), "above"),
        ("Min", ("above", "high"), "clipped"),
        (rounding, ("clipped",), "integers"),
        ("Sub", ("integers", zero_point), "back"),
        ("Mul", ("back", scale), "y"),
    )
