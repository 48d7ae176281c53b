"""The program's C source around a network whose logits are the pixels, built with sanitizers."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from targets.assemble import RUNTIME

HERE = Path(__file__).parent
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
SANITIZERS = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def compile_with_sanitizers(
    output: Path, *words: str, sanitizers: Sequence[str] = SANITIZERS
) -> None:
    """Build with the C compiler of this machine; skips the test where there is none."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc with its sanitizers is not installed")
    command = ["gcc", "-std=c99", *WARNINGS, *sanitizers, f"-I{RUNTIME}", "-o", str(output), *words]
    subprocess.run(command, check=True)


@dataclass(frozen=True)
class PixelProgram:
    """The program for images of one shape."""

    path: Path
    size: int
    channels: int

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        command = [str(self.path), *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def pixels(self, *words: str | Path) -> NDArray[np.int32]:
        """What the program reads, as [images, size, size, channels]."""
        answer = self.path.parent / "pixels.npy"
        done = self.run(*words, "--logits", answer)
        assert (done.returncode, done.stderr) == (0, "")
        logits: NDArray[np.int32] = np.load(answer, allow_pickle=False)
        assert logits.dtype == np.dtype("<i4")
        return logits.reshape(len(logits), self.size, self.size, self.channels)

    def refusal(self, *words: str | Path) -> str:
        """Why the program refuses to work, without its name."""
        done = self.run(*words)
        assert (done.returncode, done.stdout) == (1, "")
        return one_line(done.stderr)

    def misuse(self, *words: str | Path) -> str:
        """Why the program refuses the words of its command line."""
        done = self.run(*words)
        assert (done.returncode, done.stdout) == (2, "")
        return one_line(done.stderr)


def one_line(stderr: str) -> str:
    """The only line of a message, behind the program's name."""
    assert stderr.startswith("pixels: ")
    assert stderr.endswith("\n")
    message = stderr.removeprefix("pixels: ").removesuffix("\n")
    assert "\n" not in message
    return message


def pixel_program(
    folder: Path, *, size: int, channels: int, threads: int = 1, shared: int = 1, tested: int = 8,
    sanitizers: Sequence[str] = SANITIZERS,
) -> PixelProgram:  # fmt: skip
    """Build the program."""
    path = folder / "pixels"
    sources = [*sorted(RUNTIME.glob("*.c")), HERE / "runtime_network.c"]
    shape = {"SIZE": size, "CHANNELS": channels, "THREADS": threads, "SHARED": shared}
    defined = [f"-D{name}={value}" for name, value in {**shape, "TESTED": tested}.items()]
    words = [*defined, "-pthread", *map(str, sources)]
    compile_with_sanitizers(path, *words, sanitizers=sanitizers)
    return PixelProgram(path, size, channels)
