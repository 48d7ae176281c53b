"""A frozen network as an ONNX file that any runtime computes exactly.

The file is a QONNX model: every sign and every binary weight goes through BipolarQuant, which tools
of that dialect read as one bit. The operator comes along as a model-local function, so that a stock
onnxruntime runs the file too. Input `images`: uint8 [images, size, size, channels]; output
`logits`: int32 [images, classes]. Between them a tensor of the graph is called `{node}:{port}`.
The metadata hold the graph of blocks, so that onnx_import/own.py reads the network back. The model
is named as the program is.
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from space.atomic import write_atomically
from space.frozen import FrozenNetwork
from space.graph import IMAGE_VALUE, BlockGraph
from space.graph_json import graph_to_json

from .emit_about import Score
from .errors import TargetError
from .onnx_blocks import QONNX_DOMAIN, block_part
from .onnx_part import LOGITS, Part

IMAGES = "images"
FORMAT = 2
PRODUCER = "barsctl"
# What onnxruntime 1.17 reads, and qonnx.
_OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid(QONNX_DOMAIN, 1)]
_IR_VERSION = 8


def export_onnx(
    frozen: FrozenNetwork, path: Path, *, class_names: tuple[str, ...] | None,
    name: str = PRODUCER, score: Score | None = None,
) -> None:  # fmt: skip
    """Write the network to `path`; equal networks give equal bytes.

    score: on test images, None where none were tested. Raises TargetError where the class names are
    not one per class.
    """
    model = exported_model(frozen, class_names=class_names, name=name, score=score)
    write_atomically(path, model.SerializeToString(deterministic=True))


def exported_model(
    frozen: FrozenNetwork, *, class_names: tuple[str, ...] | None, name: str, score: Score | None
) -> onnx.ModelProto:
    """The model of a network; see export_onnx."""
    if class_names is not None and len(class_names) != frozen.graph.classes:
        raise TargetError(
            f"{len(class_names)} class names for {frozen.graph.classes} classes; give one per class"
        )
    model = _model(frozen, name)
    helper.set_model_props(model, _metadata(frozen, class_names, score))
    onnx.checker.check_model(model, full_check=True)
    return model


def _model(frozen: FrozenNetwork, name: str) -> onnx.ModelProto:
    parts = [_image_part(), *(block_part(node, frozen.blocks[node.name]) for node in frozen.graph)]
    graph = helper.make_graph(
        [node for part in parts for node in part.nodes],
        name,
        [_images_info(frozen.graph)],
        [helper.make_tensor_value_info(LOGITS, TensorProto.INT32, ["N", frozen.graph.classes])],
        [constant for part in parts for constant in part.constants.values()],
    )
    return helper.make_model(
        graph,
        functions=[bipolar_quant()],
        opset_imports=_OPSETS,
        ir_version=_IR_VERSION,
        producer_name=PRODUCER,
        producer_version=version("barsctl"),
    )


def _images_info(graph: BlockGraph) -> onnx.ValueInfoProto:
    shape: list[str | int | None] = ["N", graph.image_size, graph.image_size, graph.image_channels]
    return helper.make_tensor_value_info(IMAGES, TensorProto.UINT8, shape)


def _image_part() -> Part:
    """Pixels to float32, channels first."""
    part = Part(IMAGE_VALUE.node)
    first = part.apply("Transpose", [IMAGES], "planes", attributes={"perm": [0, 3, 1, 2]})
    part.cast(first, IMAGE_VALUE.port, to=TensorProto.FLOAT)
    return part


def bipolar_quant() -> onnx.FunctionProto:
    """BipolarQuant as QONNX defines it: scale where x >= 0, else -scale."""
    zero = numpy_helper.from_array(np.array(0, np.float32), "zero")
    nodes = [
        helper.make_node("Constant", [], ["zero"], value=zero),
        helper.make_node("GreaterOrEqual", ["x", "zero"], ["is_positive"]),
        helper.make_node("Neg", ["scale"], ["negative_scale"]),
        helper.make_node("Where", ["is_positive", "scale", "negative_scale"], ["y"]),
    ]
    return helper.make_function(
        QONNX_DOMAIN, "BipolarQuant", ["x", "scale"], ["y"], nodes, _OPSETS[:1]
    )


def _metadata(
    frozen: FrozenNetwork, class_names: tuple[str, ...] | None, score: Score | None
) -> dict[str, str]:
    fields = {
        "format": str(FORMAT),
        "barsctl_version": version("barsctl"),
        "logit_scale": repr(float(frozen.logit_scale)),
        "real_exponent": str(frozen.real_exponent),
        "graph": graph_to_json(frozen.graph),
    }
    if class_names is not None:
        fields["class_names"] = json.dumps(class_names, ensure_ascii=False)
    if score is not None:
        fields |= {"right_images": str(score.right), "test_images": str(score.images)}
    return fields
