"""ONNX files that somebody gives us: read without trust, and told apart by who wrote them."""

from dataclasses import dataclass
from pathlib import Path

import onnx

from targets.errors import TargetError
from targets.onnx_blocks import QONNX_DOMAIN
from targets.onnx_export import PRODUCER

_OLDEST_OPSET = 11
_REMEDY = "export the model again"


@dataclass(frozen=True, slots=True, eq=False)
class GivenModel:
    """A model that was read from a file, and whether `export_onnx` wrote it."""

    path: Path
    model: onnx.ModelProto

    @property
    def is_ours(self) -> bool:
        return self.model.producer_name == PRODUCER

    @property
    def program_name(self) -> str | None:
        """That of the program which was compiled beside a model of ours."""
        return self.model.graph.name if self.is_ours else None


def is_onnx(path: Path) -> bool:
    """Whether a path names an ONNX file rather than a training or a checkpoint."""
    return path.suffix == ".onnx" and not path.is_dir()


def load_given(path: Path) -> GivenModel:
    """The model of a file, checked as far as all models are alike.

    Raises TargetError where it is no whole ONNX model or of another opset, OSError where it cannot
    be read.
    """
    data = path.read_bytes()
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's own, of which mypy knows nothing
        raise TargetError(f"{path}: this is no whole ONNX file; {_REMEDY}") from error
    if not model.graph.node:
        raise TargetError(f"{path}: this is no ONNX model, it holds no node; {_REMEDY}")
    texts = (text for node in model.graph.node for text in (node.name, *node.input, *node.output))
    if not all(isinstance(text, str) for text in texts):  # protobuf leaves bytes
        raise TargetError(f"{path}: the names of its nodes are no UTF-8; {_REMEDY}")
    _check_opsets(path, model)
    values = (each.t for node in model.graph.node for each in node.attribute)
    for tensor in (*model.graph.initializer, *values):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise TargetError(
                f"{path}: the data of {tensor.name!r} lie in another file; save the model as one "
                "file: onnx.save(onnx.load(path), other)"
            )
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, UnicodeDecodeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise TargetError(f"{path}: this is no valid ONNX model ({reason}); {_REMEDY}") from error
    return GivenModel(path, model)


def _check_opsets(path: Path, model: onnx.ModelProto) -> None:
    versions = {each.domain or "ai.onnx": each.version for each in model.opset_import}
    newest = onnx.defs.onnx_opset_version()
    version = versions.get("ai.onnx", 0)
    if not _OLDEST_OPSET <= version <= newest:
        raise TargetError(
            f"{path}: opset {version}; must be {_OLDEST_OPSET} to {newest}: export the model with "
            "one of these"
        )
    dialect = versions.get(QONNX_DOMAIN, 1)
    if dialect not in (1, 2):
        raise TargetError(f"{path}: version {dialect} of {QONNX_DOMAIN}; must be 1 or 2: {_REMEDY}")
