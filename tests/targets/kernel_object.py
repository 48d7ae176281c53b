"""Objects of kernels that hold what a program may link."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

from targets.build import object_file
from targets.kernel_specs import KernelSpec
from targets.target import Target
from targets.tiling import NO_TILES, Tiles

MEMORY_FUNCTIONS = {"memcpy", "memset", "__aeabi_memcpy", "__aeabi_memset"}


def kernel_object(specs: Sequence[KernelSpec], target: Target, tiles: Tiles = NO_TILES) -> bytes:
    """An object of kernels, once it has their symbols and needs memory functions alone."""
    content = object_file(specs, target, tiles=tiles)
    with NamedTemporaryFile(suffix=".o") as file:
        Path(file.name).write_bytes(content)
        defined, undefined = (_symbols(file.name, kind) for kind in ("--defined-only", "-u"))
    assert {spec.symbol for spec in specs} <= defined
    assert undefined <= MEMORY_FUNCTIONS
    assert not [symbol for symbol in defined if "TVM" in symbol]
    return content


def _symbols(path: str, kind: str) -> set[str]:
    """Names in an object, by nm."""
    done = subprocess.run(["nm", "-j", kind, path], capture_output=True, text=True, check=True)
    return set(done.stdout.split())
