"""A compiled program as a command: images in files go in, logits in files come out."""

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from targets.ending import ending, last_line
from targets.errors import TargetError

# An emulated image may take minutes; a program that answers nothing for this long never will.
DEADLINE_S = 1800.0
LARGEST_BATCH_BYTES = 1 << 26
LARGEST_EMULATED_BATCH_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds per image over several runs. Emulated times say nothing about a board."""

    runs: int
    median_ms: float
    p10_ms: float
    p90_ms: float
    kind: Literal["measured", "emulated"]


@dataclass(frozen=True, slots=True)
class NotRunnable:
    """Why a program cannot run on this machine."""

    reason: str


class Runnable(Protocol):
    """A program where it can be run: here, under an emulator, or on a board."""

    @property
    def emulated(self) -> bool: ...

    def with_kernels(self, variant: str) -> "Runnable":
        """The same with the kernels for one of the processors that it holds kernels for."""

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.int32]:
        """[images, classes] of uint8 images [images, size, size, channels].

        Raises TargetError where the program fails, with its last line.
        """

    def trace(
        self, image: NDArray[np.uint8], files: Sequence[str]
    ) -> dict[str, NDArray[np.generic]]:
        """What kernels write for one image, as it lies in memory, by the traced files' names."""


@dataclass(frozen=True, slots=True)
class Program:
    """The words that start a program, and whether an emulator is among them.

    semihosting: whether its own words reach it through an emulator of a whole board.
    """

    command: tuple[str, ...]
    emulated: bool
    semihosting: bool = False

    def with_kernels(self, variant: str) -> "Program":
        """The same with the kernels for one of the processors that it holds kernels for."""
        return replace(self, command=(*self.command, "--kernels", variant))

    def with_threads(self, threads: int) -> "Program":
        """The same on so many of the threads that it was compiled for."""
        return replace(self, command=(*self.command, "--threads", str(threads)))

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.int32]:
        """[images, classes] of uint8 images [images, size, size, channels].

        Raises TargetError where the program fails, with its last line.
        """
        most = LARGEST_EMULATED_BATCH_BYTES if self.emulated else LARGEST_BATCH_BYTES
        return in_batches(images, self._logits, batch_bytes=most)

    def _logits(self, images: NDArray[np.uint8]) -> NDArray[np.int32]:
        with TemporaryDirectory() as name:
            folder = Path(name)
            images_file = saved_images(images, folder).name
            self._run("--logits", "logits.npy", images_file, folder=folder)
            logits: NDArray[np.int32] = np.load(folder / "logits.npy", allow_pickle=False)
        return logits

    def trace(
        self, image: NDArray[np.uint8], files: Sequence[str]
    ) -> dict[str, NDArray[np.generic]]:
        """What kernels write for one image, as it lies in memory, by the traced files' names."""
        with TemporaryDirectory() as name:
            folder = Path(name)
            found = folder / "trace"
            found.mkdir()
            self._run("--trace", found.name, saved_images(image, folder).name, folder=folder)
            return {file: np.load(found / file, allow_pickle=False) for file in files}

    def latency(self, *, runs: int) -> Latency:
        """Time runs of one image, on all threads that the program was compiled for."""
        answer = json.loads(self._run("--bench", str(runs), "--json"))
        return Latency(**answer, kind="emulated" if self.emulated else "measured")

    def stack_bytes(self) -> int:
        """What a run touches below its caller's frame, of a program that is asked so."""
        return int(self._run("--stack"))

    def _run(self, *words: str, folder: Path | None = None) -> str:
        """Run it in a folder, so that the names of its files have no space."""
        command = self.started(words)
        try:
            finished = subprocess.run(
                command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=DEADLINE_S, check=False,
            )  # fmt: skip
        except OSError as error:
            raise TargetError(f"{command[0]}: {error.strerror}; it cannot be started") from error
        except subprocess.TimeoutExpired:
            raise TargetError(f"{command[0]}: no answer within {DEADLINE_S:g} s") from None
        if finished.returncode != 0:
            raise TargetError(_failure(self.command, finished.returncode, finished.stderr))
        return finished.stdout

    def started(self, words: Sequence[str]) -> list[str]:
        """The command with words of the program's own; QEMU takes a comma in them twice."""
        if not self.semihosting:
            return [*self.command, *words]
        own = "".join(f",arg={word.replace(',', ',,')}" for word in ("program", *words))
        return [*self.command, "-semihosting-config", f"enable=on,target=native{own}"]


def in_batches(
    images: NDArray[np.uint8],
    logits: Callable[[NDArray[np.uint8]], NDArray[np.int32]],
    *,
    batch_bytes: int,
) -> NDArray[np.int32]:
    """The logits of all images, asked for as many at a time as have so many bytes."""
    batch = max(1, batch_bytes // max(1, images[:1].nbytes))
    starts = range(0, max(1, len(images)), batch)
    return np.concatenate([logits(images[start : start + batch]) for start in starts])


def saved_images(images: NDArray[np.uint8], folder: Path) -> Path:
    """The images in a file that programs read, images.npy of the folder."""
    path = folder / "images.npy"
    np.save(path, np.ascontiguousarray(images), allow_pickle=False)
    return path


def _failure(command: Sequence[str], exit_code: int, stderr: str) -> str:
    said = last_line(stderr) or "it said nothing"
    return f"{' '.join(command)} failed ({ending(exit_code)}): {said}"
