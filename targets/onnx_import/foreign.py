"""A foreign QONNX model as a graph of our blocks with its own numbers.

The model reads float images [images, channels, size, size] of pixels / 255, and ends in logits.
Nodes are taken one by one: a convolution opens a block, what follows joins its epilogue where the
block can do that, and is refused by name where nothing of ours computes it.
"""

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from space.blocks import BinaryConv, Block, Classifier, Conv, Epilogue, Pool, Sum
from space.errors import SpaceError
from space.floats import ClassifierFloats, ConvFloats, FloatNetwork, Norm, identity_norm
from space.graph import IMAGE, IMAGE_VALUE, BlockGraph, Inputs, Value
from targets.errors import TargetError
from targets.onnx_blocks import QONNX_DOMAIN
from targets.onnx_part import LOGITS

from .constants import constant_of, folded
from .given import GivenModel
from .nodes import OPERATORS, QONNX_OPERATORS
from .reading import Reading
from .values import CONVS, Constant, Draft, Logits, Real, Tensor, refuse

PIXEL_SCALE = 1 / 255
_LONGEST_SIDE = 1 << 14


@dataclass(frozen=True, slots=True, eq=False)
class ForeignModel:
    """The network of a model, and what a user should know of how it was taken."""

    floats: FloatNetwork
    notes: tuple[str, ...]


def read_foreign(given: GivenModel) -> ForeignModel:
    """The network. Raises TargetError naming the node that has no block, why, and what to do."""
    try:
        return _read(given.model)
    except (TargetError, SpaceError) as error:
        raise TargetError(f"{given.path}: {error}") from error


def _read(model: onnx.ModelProto) -> ForeignModel:
    graph = model.graph
    constants = {each.name: _array(each) for each in graph.initializer}
    nodes = _needed(graph)
    readers = Counter(name for node in nodes for name in set(node.input))
    readers.update(output.name for output in graph.output)
    opset = max(each.version for each in model.opset_import if each.domain in ("", "ai.onnx"))
    reading = Reading(opset, readers)
    name, image = _image([each for each in graph.input if each.name not in constants])
    reading.drafts.append(image)
    norm = identity_norm(image.channels)
    reading.tensors.update(constants)
    reading.tensors[name] = Real(image, norm.then(PIXEL_SCALE, 0.0))
    for node in nodes:
        reading.write(node, _applied(reading, node))
    return ForeignModel(_floats(reading, _logits(reading, graph)), tuple(reading.notes))


def _array(tensor: TensorProto) -> Constant:
    try:
        found: Constant = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError) as error:
        raise TargetError(
            f"constant {tensor.name!r} is damaged ({error}); export the model again"
        ) from error
    return found


def _needed(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The nodes that the outputs depend on, in execution order."""
    names = {output.name for output in graph.output}
    found = []
    for node in reversed(graph.node):
        if names.intersection(node.output):
            names.update(node.input)
            found.append(node)
    return found[::-1]


def _image(inputs: list[onnx.ValueInfoProto]) -> tuple[str, Draft]:
    """The name of the model's input, and the image that it is."""
    remedy = "export the model with one float input [images, channels, size, size]"
    if len(inputs) != 1:
        raise TargetError(f"{len(inputs)} inputs; {remedy}")
    tensor = inputs[0].type.tensor_type
    shape = [each.dim_value for each in tensor.shape.dim]
    told = [each.dim_value or each.dim_param or "?" for each in tensor.shape.dim]
    if len(shape) != 4 or not all(1 <= length <= _LONGEST_SIDE for length in shape[1:]):
        raise TargetError(
            f"input {inputs[0].name!r} of shape {told} is dynamic or no image; {remedy}"
        )
    if tensor.elem_type != TensorProto.FLOAT or shape[2] != shape[3]:
        kind = TensorProto.DataType.Name(tensor.elem_type).lower()
        raise TargetError(f"input {inputs[0].name!r} is {kind} of shape {told}; {remedy}")
    return inputs[0].name, Draft(IMAGE, "image", shape[1], shape[2])


def _applied(reading: Reading, node: onnx.NodeProto) -> Tensor:
    if node.domain not in ("", "ai.onnx", QONNX_DOMAIN):
        refuse(
            node, f"its domain {node.domain!r} is unknown",
            f"export with a tool that writes {QONNX_DOMAIN}: Brevitas 0.8 or later, or qonnx",
        )  # fmt: skip
    if node.op_type == "Constant":
        return constant_of(node)
    try:
        return _computed(reading, node)
    except TargetError:
        raise
    except (ValueError, IndexError, TypeError) as error:  # of numpy, about shapes that do not fit
        refuse(node, f"its parameters do not fit ({error})", "export the model again")


def _computed(reading: Reading, node: onnx.NodeProto) -> Tensor:
    inputs = reading.inputs(node)
    arrays = [each for each in inputs if each is None or isinstance(each, np.ndarray)]
    if len(arrays) == len(inputs):
        found = folded(node, arrays, opset=reading.opset)
        if found is not None:
            return found
    operators = QONNX_OPERATORS if node.domain == QONNX_DOMAIN else OPERATORS
    if node.op_type not in operators:
        refuse(
            node, "no block of ours computes this",
            f"{', '.join([*OPERATORS, *QONNX_OPERATORS])} are understood",
        )  # fmt: skip
    if not all(np.isfinite(each).all() for each in inputs if isinstance(each, np.ndarray)):
        refuse(node, "parameters that are not finite", "train again with a smaller learning rate")
    return operators[node.op_type](reading, node, inputs)


def _logits(reading: Reading, graph: onnx.GraphProto) -> Logits:
    if len(graph.output) != 1:
        raise TargetError(f"{len(graph.output)} outputs; export the model with its logits alone")
    found = reading.tensors.get(graph.output[0].name)
    if not isinstance(found, Logits):
        raise TargetError(
            f"output {graph.output[0].name!r} is no dense layer; end the model in its logits: a "
            "GlobalAveragePool, Flatten and Gemm"
        )
    found.features.real.draft.is_read = True
    return found


def _floats(reading: Reading, logits: Logits) -> FloatNetwork:
    image, *drafts = (draft for draft in reading.drafts if draft.is_used)
    names = _names([*(draft.name for draft in drafts), logits.name])
    named = dict(zip(drafts, names, strict=False))
    graph = BlockGraph(image.channels, image.size, len(logits.bias))
    convs: dict[str, ConvFloats] = {}
    signs: dict[Value, Norm] = {}
    complements: dict[Value, Value] = {}
    for draft, name in named.items():
        graph.add(name, _block(draft), _inputs(draft, named))
        if draft.weights is not None and draft.norm is not None:
            convs[name] = ConvFloats(draft.weights, draft.norm, draft.slopes)
        ports = [Value(name, f"inner_sign{index}") for index in range(len(draft.signs))]
        signs |= dict(zip(ports, draft.signs, strict=True))
        complements |= {ports[to]: ports[of] for of, to in draft.complements.items()}
    real = logits.features.real
    graph.add(
        names[-1],
        Classifier((real.channels,), graph.classes, real.size),
        Inputs((Value(named[real.draft], "inner"),)),
    )
    classifier = ClassifierFloats(real.norm, logits.weights, logits.bias)
    return FloatNetwork(graph, convs, signs, classifier, complements)


def _names(names: list[str]) -> list[str]:
    """Short names without anything that a file or a C compiler would mind, none of them twice."""
    found: list[str] = []
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_") or "node"
        wanted, count = plain, 1
        while wanted in (*found, IMAGE, LOGITS):
            count += 1
            wanted = f"{plain}_{count}"
        found.append(wanted)
    return found


def _inputs(draft: Draft, named: dict[Draft, str]) -> Inputs:
    sources = tuple(
        IMAGE_VALUE
        if source.draft.kind == "image"
        else Value(named[source.draft], "inner" if isinstance(source, Real) else
                   f"inner_sign{source.index}")
        for source in draft.sources
    )  # fmt: skip
    return Inputs(sources, tuple(Value(named[each], "inner") for each in draft.shortcuts))


def _block(draft: Draft) -> Block:
    epilogue = Epilogue(
        activation="none"
        if draft.slopes is None
        else "prelu" if draft.slopes.any() else "relu",
        shortcuts=len(draft.shortcuts),
        inner_stored=draft.is_read,
        inner_signs=len(draft.signs),
    )  # fmt: skip
    if draft.kind == "sum":
        return Sum(draft.channels, draft.size, epilogue)
    channels = tuple(source.channels for source in draft.sources)
    in_size = draft.sources[0].size
    if draft.kind == "binary":
        return BinaryConv(
            channels, draft.channels, draft.kernel_size, draft.stride, in_size, epilogue
        )
    if draft.kind in CONVS:
        return Conv(
            channels[0], draft.channels, draft.kernel_size, draft.stride, in_size,
            draft.kind == "image_conv", epilogue, draft.max_pool,
        )  # fmt: skip
    return Pool(
        "max" if draft.kind == "max" else "average", channels[0], draft.channels, draft.channels,
        draft.kernel_size, draft.stride, in_size, epilogue,
    )  # fmt: skip
