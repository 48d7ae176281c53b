"""The machine's limit for binary kernels, measured: 512 bits by xor, popcount and add."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from targets.boards import X86_64_VPOPCNT
from targets.host import runs_here
from targets.toolchain import run_zig

SOURCE = Path(__file__).with_name("xor_popcount.c")
STEP_BITS = 512


def require_vpopcnt() -> None:
    """End the benchmark, in words, on a processor that cannot run it."""
    if not runs_here(X86_64_VPOPCNT):
        sys.exit(f"this benchmark needs {X86_64_VPOPCNT.summary}; it is left out here")


@dataclass(frozen=True, slots=True)
class XorPopcount:
    """A program that measures the limit whenever it is asked."""

    program: Path

    def bound_us(self, binary_macs: int) -> float:
        """The least microseconds for so many binary multiply-accumulates."""
        done = subprocess.run([self.program], check=True, stdout=subprocess.PIPE, text=True)
        return float(done.stdout) * binary_macs / STEP_BITS / 1000


@contextmanager
def xor_popcount() -> Iterator[XorPopcount]:
    """Build the program."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(SOURCE, folder)
        words = ("-O2", "-std=c99", "-mcpu=x86_64_v4+avx512vpopcntdq", SOURCE.name, "-o", "limit")
        run_zig("cc", *words, target=X86_64_VPOPCNT, folder=folder)
        yield XorPopcount(folder / "limit")
