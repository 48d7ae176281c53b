"""Building kernels: specs to machine code, in a process that may crash without harm."""

import subprocess
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from .build_client import do_request
from .build_request import BuildRequest, TiledKernel, request_to_json
from .ending import ending, last_line
from .errors import TargetError
from .kernel_specs import KernelSpec
from .target import Target
from .tiling import NO_TILES, Tiles

_FOLDER = Path(__file__).parent
# What decides a kernel's code and its parameters, beside the target.
_SOURCES = (
    "kernels/*.py", "kernel_specs.py", "kernel_constants.py", "binary_grid.py", "pair_table.py",
    "layouts.py", "tiling.py", "vector_unit.py",
)  # fmt: skip
_START_DEADLINE_S = 120.0
_KERNEL_DEADLINE_S = 20.0
_REFUSED = 3


def object_file(
    specs: Sequence[KernelSpec], target: Target, *, prefix: str = "", tiles: Tiles = NO_TILES
) -> bytes:
    """An object file with a function for each spec; equal for equal arguments.

    It is `int32_t symbol(void *, ..., int32_t part, int32_t parts)`: pointers in the order of
    `arguments`, then which of how many equal shares of the work to do. Shares may run at the same
    time, each with a scratch of its own. The functions return 0, keep nothing between calls and
    need no library but C's memcpy and memset. prefix: in front of every symbol, so that a program
    may hold several networks. tiles: of kernels that were tuned. Raises TargetError where it
    cannot be built.
    """
    with TemporaryDirectory(prefix="barsctl-build-") as folder:
        path = Path(folder).resolve() / "kernels.o"  # who builds may be in another folder
        _write_object(specs, target, path, prefix=prefix, tiles=tiles)
        return path.read_bytes()


@cache
def kernel_hash() -> str:
    """A hash of the kernels' sources: with it and with its tile, a kernel is the same."""
    digest = sha256()
    for pattern in _SOURCES:
        for path in sorted(_FOLDER.glob(pattern)):
            digest.update(f"{path.relative_to(_FOLDER)}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def compiler_name() -> str | None:
    """TVM with its version, None where it is not installed: another one makes other kernels."""
    try:
        return f"apache-tvm {version('apache-tvm')}"
    except PackageNotFoundError:
        return None


def require_tvm(purpose: str) -> None:
    """Raise TargetError where TVM is not installed."""
    if find_spec("tvm") is None:
        raise TargetError(
            f"{purpose} needs apache-tvm; install it with: pip install 'barsctl[compile]'"
        )


def _write_object(
    specs: Sequence[KernelSpec],
    target: Target,
    path: Path,
    *,
    tiles: Tiles,
    prefix: str,
) -> None:
    require_tvm("building kernels")
    kernels = tuple(TiledKernel(spec.block, tiles.get(spec)) for spec in specs)
    request = BuildRequest(target, kernels, str(path), prefix)
    deadline_s = _START_DEADLINE_S + _KERNEL_DEADLINE_S * len(specs)
    file = path.with_name("request.json")
    file.write_text(request_to_json(request))
    try:
        done = do_request(file, deadline_s=deadline_s)
    except subprocess.TimeoutExpired:
        raise TargetError(
            _failure(specs, target, f"was stopped after {deadline_s:.0f} s")
        ) from None
    if done.returncode == _REFUSED:
        raise TargetError(last_line(done.stderr))
    if done.returncode < 0:
        said = last_line(done.stderr) or "it gave no reason"
        reason = f"died of {ending(done.returncode)} ({said})"
        raise TargetError(_failure(specs, target, reason))
    if done.returncode and not done.stderr.strip():
        reason = f"failed without a word; is there space left in {path.parent.parent}"
        raise TargetError(_failure(specs, target, reason))
    if done.returncode:
        raise RuntimeError(f"{' '.join(done.args)} failed:\n{done.stderr}")


def _failure(specs: Sequence[KernelSpec], target: Target, reason: str) -> str:
    first = specs[0].key
    kernels = first if len(specs) == 1 else f"{first} or one of {len(specs) - 1} others"
    return (
        f"{kernels}: the compiler for {target.name} {reason}; "
        "does the target have every instruction that its vector unit names?"
    )
