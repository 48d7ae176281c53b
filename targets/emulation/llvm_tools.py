"""LLVM's command-line tools, of the release that TVM compiles with: older ones lack options."""

import shutil
import subprocess

from targets.ending import ending
from targets.errors import TargetError

_RELEASE = 22
_DEADLINE_S = 300.0
LLVM_TOOLS = tuple(f"{tool}-{_RELEASE}" for tool in ("llvm-mca", "llvm-objdump"))
"""What models cycles."""


def has_llvm_tools() -> bool:
    """Whether what models cycles is installed."""
    return all(map(shutil.which, LLVM_TOOLS))


def run_llvm(tool: str, *words: str, stdin: str = "") -> str:
    """What a tool writes. Raises TargetError where it is missing or fails."""
    path = shutil.which(f"{tool}-{_RELEASE}")
    if path is None:
        raise TargetError(
            f"{tool}-{_RELEASE} is not installed, and cycles are modelled with it; "
            f"on later Debians than 12: apt install llvm-{_RELEASE}"
        )
    try:
        done = subprocess.run(
            [path, *words], input=stdin, capture_output=True, text=True, check=False,
            timeout=_DEADLINE_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise TargetError(f"{tool}: no answer within {_DEADLINE_S:g} s") from None
    if done.returncode != 0:
        raise TargetError(f"{tool} failed ({ending(done.returncode)}): {_reason(done.stderr)}")
    return done.stdout


def _reason(stderr: str) -> str:
    """The first line that speaks of an error: those behind it repeat the input."""
    lines = stderr.strip().splitlines() or ["it gave no reason"]
    return next((line for line in lines if "error" in line), lines[-1])
