"""What compiling leaves: ONNX files, programs, libraries and their manifests."""

import json
from math import prod
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from barsctl.errors import BarsError
from barsctl.run_folder import Json
from targets.compiled_file import read_compiled
from targets.errors import TargetError
from targets.manifest import FILE, Manifest, described

from .report import Details, ForeignError, Report

# Of a protocol buffer, and so of an ONNX file without files of its own beside it.
_LARGEST_ONNX_BYTES = 1 << 31
_PRODUCER = "barsctl"
_SHOWN_SECTIONS = ("text", "rodata", "data", "bss")


def onnx_report(path: Path) -> Report:
    """What an exported network reads, and how many bits its weights have."""
    model = _model(path)
    if model.producer_name != _PRODUCER:
        made = f"made by {model.producer_name!r}" if model.producer_name else "of no maker's"
        raise ForeignError(
            f"{path}: a file {made}, not by {_PRODUCER!r}; give a model.onnx of ours, or "
            "let barsctl compile say whether it takes this one"
        )
    binary = {
        node.output[0].removesuffix("binary_weights")
        for node in model.graph.node
        if node.op_type == "BipolarQuant" and node.output and node.output[0].endswith("weights")
    }
    weights: dict[int, int] = {1: 0, 8: 0}
    for constant in model.graph.initializer:
        if constant.data_type == TensorProto.INT8:
            bits = 1 if constant.name.removesuffix("weights") in binary else 8
            weights[bits] += prod(constant.dims)
    metadata = {each.key: each.value for each in model.metadata_props}
    return Report(
        "exported network",
        {
            "name": model.graph.name,
            "made_by": f"{model.producer_name} {model.producer_version}",
            "opsets": {each.domain or "ai.onnx": each.version for each in model.opset_import},
            "inputs": {each.name: _shape(each) for each in model.graph.input},
            "outputs": {each.name: _shape(each) for each in model.graph.output},
            "nodes": len(model.graph.node),
            "1_bit_weights": weights[1],
            "8_bit_weights": weights[8],
            "class_names": _class_names(path, metadata.get("class_names")),
            "logit_scale": metadata.get("logit_scale"),
        },
    )


def _class_names(path: Path, text: str | None) -> Json:
    try:
        names: Json = None if text is None else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BarsError(
            f"{path}: class_names are no JSON ({error}); compile the network again"
        ) from error
    return names


def _model(path: Path) -> onnx.ModelProto:
    size = path.stat().st_size
    if size >= _LARGEST_ONNX_BYTES:
        raise BarsError(f"{path}: {size} bytes; an ONNX file has less than {_LARGEST_ONNX_BYTES}")
    try:
        model = onnx.ModelProto()
        model.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise BarsError(
            f"{path}: it begins as an ONNX file and cannot be read ({error}); it is damaged or cut "
            "off, or none: compile the network again"
        ) from error
    return model


def _shape(value: onnx.ValueInfoProto) -> str:
    tensor = value.type.tensor_type
    sizes = (each.dim_param or str(each.dim_value) for each in tensor.shape.dim)
    known = tensor.elem_type in TensorProto.DataType.values()
    name = TensorProto.DataType.Name(tensor.elem_type).lower() if known else "unknown"
    return f"{name} [{', '.join(sizes)}]"


def machine_code_report(path: Path) -> Report:
    """What a program or library is for, and the bytes that it takes in memory."""
    found = read_compiled(path)
    if found is None:
        raise ForeignError(
            f"{path}: this is machine code, and no program or library that barsctl compiled; "
            "give one of barsctl compile"
        )
    details: Details = {"machine": found.machine, "name": found.name}
    details |= {
        f"{name}_bytes": found.sections[f".{name}"]
        for name in _SHOWN_SECTIONS
        if f".{name}" in found.sections
    }
    manifest = _manifest_of(path)
    if manifest is not None:
        details |= {"name": manifest.name, "target": manifest.target.name}
    return Report(found.kind, details)


def _manifest_of(path: Path) -> Manifest | None:
    """The manifest beside a file, if there is one that tells of it."""
    try:
        manifest = described(path.resolve().parent / FILE)
    except TargetError:
        return None
    return manifest if path.resolve().name in manifest.files else None


def manifest_report(path: Path) -> Report:
    """What a manifest says of its folder."""
    manifest = described(path)
    files: dict[str, Json] = {name: each.bytes for name, each in manifest.files.items()}
    return Report(
        "manifest of a compiled network",
        {
            "name": manifest.name,
            "target": manifest.target.name,
            "machine": manifest.target.machine,
            "cpu": " ".join((manifest.target.cpu, *manifest.target.features)),
            "variants": list(manifest.target.variants),
            "image": list(manifest.image),
            "classes": manifest.classes,
            "threads": manifest.threads,
            "arena_bytes": manifest.arena_bytes,
            "weight_bytes": manifest.weight_bytes,
            "kernel_hash": manifest.kernel_hash,
            "file_bytes": files,
            "made_from": [*sorted(manifest.network)],
        },
    )
