"""manifest.json: what a folder of compiled files holds, read by people and scripts.

Compiling writes it; later steps (verifying, measuring) add sections of their own.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from space.atomic import write_atomically

from .errors import TargetError

FORMAT = 1
FILE = "manifest.json"
Fields = dict[str, Any]


def file_fields(path: Path) -> Fields:
    """Size and hash of a file."""
    data = path.read_bytes()
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def write_manifest(folder: Path, fields: Fields) -> Path:
    """Write the manifest of a folder and return its path."""
    path = folder / FILE
    write_atomically(path, json.dumps({"format": FORMAT, **fields}, indent=2) + "\n")
    return path


def read_manifest(folder: Path) -> Fields:
    """The fields of a folder's manifest.

    Raises TargetError where there is none, or one of another format.
    """
    path = folder / FILE
    try:
        fields = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise TargetError(f"{path}: no manifest can be read; compile the network again") from error
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise TargetError(f"{path}: this is not format {FORMAT}; compile the network again")
    return fields


def extend_manifest(folder: Path, **sections: Any) -> Path:
    """Add or replace sections of a manifest that is there."""
    fields = read_manifest(folder) | sections
    del fields["format"]
    return write_manifest(folder, fields)
