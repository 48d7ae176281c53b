"""Files of tensors: checkpoints, whose header alone is read, and frozen networks."""

from collections import Counter
from pathlib import Path

from safetensors import SafetensorError, safe_open

from barsctl.errors import BarsError
from barsctl.run_folder import Json
from space.frozen_file import ENTRY, read_frozen

from .report import ForeignError, Report, graph_details


def weights_report(path: Path) -> Report:
    """What a safetensors file of ours holds."""
    from barsctl.checkpoint import METADATA, checkpoint_state

    metadata, parts = _header(path)
    if ENTRY in metadata:
        return _frozen_report(path)
    if METADATA not in metadata:
        raise ForeignError(
            f"{path}: a safetensors file with the metadata {sorted(metadata)}; those of barsctl "
            f"have {METADATA!r} or {ENTRY!r}: give one that barsctl wrote"
        )
    kind = "checkpoint of a search" if "supernet" in parts else "checkpoint of a training"
    tensors: dict[str, Json] = dict(sorted(parts.items()))
    return Report(kind, {"state": checkpoint_state(path, metadata), "tensors": tensors})


def _header(path: Path) -> tuple[dict[str, str], Counter[str]]:
    """The metadata, and the number of tensors in each part."""
    try:
        with safe_open(path, framework="np") as file:
            return file.metadata() or {}, Counter(
                name.partition("/")[0]
                for name in file.keys()  # noqa: SIM118 (no mapping)
            )
    except SafetensorError as error:
        raise BarsError(
            f"{path}: {error}; it must be a whole safetensors file: write it again"
        ) from error


def _frozen_report(path: Path) -> Report:
    frozen = read_frozen(path)
    scales: dict[str, Json] = {
        "real_exponent": frozen.real_exponent,
        "logit_scale": frozen.logit_scale,
    }
    return Report("frozen network", graph_details(frozen.graph) | scales)
