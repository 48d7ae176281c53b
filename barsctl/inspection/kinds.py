"""Which kind a file is by its content, and the registry of readers."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from barsctl.errors import BarsError

from .compiled import machine_code_report, manifest_report, onnx_report
from .networks import front_report, genotype_report, graph_report, ranking_report
from .report import ForeignError, Report
from .runs import (
    cell_report,
    judged_report,
    measured_report,
    metrics_report,
    result_report,
    search_config_report,
    sweep_config_report,
    train_config_report,
    tried_report,
)
from .tables import csv_report, table_report
from .weights import weights_report

Reader = Callable[[Path], Report]

# Each by the keys of its object; the first that fits is taken.
DOCUMENTS: dict[tuple[str, ...], Reader] = {
    ("space", "topologies"): genotype_report,
    ("command", "space"): search_config_report,
    ("command", "source"): train_config_report,
    ("command", "spaces"): sweep_config_report,
    ("validation_accuracy", "error"): cell_report,
    ("nodes", "image_channels"): graph_report,
    ("candidates",): ranking_report,
    ("points", "judged"): front_report,
    ("best_epoch", "test_accuracy"): result_report,
    ("files", "kernel_hash"): manifest_report,
}
# Each by the keys of the object in its first line.
ROWS: dict[tuple[str, ...], Reader] = {
    ("target", "kernel_hash", "way"): table_report,
    ("checkpoint", "held_out_images"): judged_report,
    ("trial_epochs", "batch_size"): tried_report,
    ("measured_for", "cost"): measured_report,
    ("epoch",): metrics_report,
}
# Behind the # of its first line.
CSV: dict[tuple[str, ...], Reader] = {("target", "kernel_hash", "way"): csv_report}
BINARIES: dict[bytes, Reader] = {
    b"\x7fELF": machine_code_report,
    b"!<arch>\n": machine_code_report,
    b"\x08": onnx_report,
}
_START_BYTES = 1 << 16
_LARGEST_TEXT_BYTES = 1 << 26
_REMEDY = "give a file or folder that barsctl wrote (docs/files.md)"


def reader_of(path: Path) -> Reader:
    """The reader of a file. Raises ForeignError where it is none of ours, OSError if unreadable."""
    if not path.is_file():
        path.stat()  # says what is wrong where it is not there at all
        raise ForeignError(f"{path} is no regular file; {_REMEDY}")
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(_START_BYTES)
    if not start:
        raise ForeignError(f"{path} is empty; {_REMEDY}")
    if start[4:9] == b"\0\0\0\0{":  # the upper half of the header's length, and the header
        return weights_report
    for magic, reader in BINARIES.items():
        if start.startswith(magic):
            return reader
    if start.lstrip()[:1] not in (b"{", b"#"):
        raise _foreign(path, start)
    if size > _LARGEST_TEXT_BYTES:
        raise BarsError(f"{path}: {size} bytes; a text file of barsctl has at most "
                        f"{_LARGEST_TEXT_BYTES}: {_REMEDY}")  # fmt: skip
    return _text_reader(path, start)


def _text_reader(path: Path, start: bytes) -> Reader:
    first = start.partition(b"\n")[0]
    row = _parsed(first.removeprefix(b"#"))
    if first.startswith(b"#"):
        if not isinstance(row, dict):  # as in scripts
            raise _foreign(path, start)
        return _fitting(CSV, path, row)
    if isinstance(row, dict):
        reader = _fitting(ROWS | DOCUMENTS, path, row)
        if reader in ROWS.values():
            return reader
    return _fitting(DOCUMENTS, path, _parsed(path.read_bytes()))


def _foreign(path: Path, start: bytes) -> ForeignError:
    return ForeignError(f"{path} begins with {start[:8]!r}, as no file that is read; {_REMEDY}")


def _parsed(text: bytes) -> object:
    """What a JSON text holds; the error where it holds nothing."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        return error


def _fitting(readers: Mapping[tuple[str, ...], Reader], path: Path, found: object) -> Reader:
    if isinstance(found, Exception):
        raise BarsError(f"{path}: this is no whole JSON ({found}); it is damaged or cut off, or "
                        f"none of ours: {_REMEDY}")  # fmt: skip
    keys = set(found) if isinstance(found, dict) else set()
    for needed, reader in readers.items():
        if keys.issuperset(needed):
            return reader
    raise ForeignError(f"{path}: JSON with the keys {', '.join(sorted(keys))[:80]}, as none "
                       f"of the files that are read; {_REMEDY}")  # fmt: skip
