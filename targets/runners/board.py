"""A compiled program on a board behind TVM's RPC: the very file is uploaded and run there."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from targets.ending import ending, last_line
from targets.errors import TargetError
from targets.measuring.place import Place
from targets.target import Target
from targets.toolchain import Notify, Toolchain

from .program import DEADLINE_S, in_batches, saved_images

_FOLDER = Path(__file__).parent
_ROOT = _FOLDER.parents[1]
# A board keeps images beside its files, and often in its memory.
LARGEST_UPLOAD_BYTES = 1 << 24
# The session ends before its client does, so that the board is free again.
_PATIENCE_S = 60.0
_MODULE = "run_program.so"


@dataclass(frozen=True, slots=True)
class BoardProgram:
    """See Runnable. driver: the module that starts programs there. words: before all others."""

    place: Place
    path: Path
    driver: bytes
    words: tuple[str, ...] = ()

    @property
    def emulated(self) -> bool:
        return False

    def with_kernels(self, variant: str) -> "BoardProgram":
        return replace(self, words=(*self.words, "--kernels", variant))

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.int32]:
        return in_batches(images, self._logits, batch_bytes=LARGEST_UPLOAD_BYTES)

    def _logits(self, images: NDArray[np.uint8]) -> NDArray[np.int32]:
        words = ("--logits", "logits.npy", "images.npy")
        return self._arrays(images, words, files=["logits.npy"])["logits.npy"].astype(np.int32)

    def trace(
        self, image: NDArray[np.uint8], files: Sequence[str]
    ) -> dict[str, NDArray[np.generic]]:
        return self._arrays(image, ("--trace", ".", "images.npy"), files=files)

    def _arrays(
        self, images: NDArray[np.uint8], words: Sequence[str], *, files: Sequence[str]
    ) -> dict[str, NDArray[np.generic]]:
        """What the program writes into the files."""
        with TemporaryDirectory(prefix="barsctl-board-") as name:
            folder = Path(name)
            (folder / "words").write_bytes(
                b"".join(f"{word}\0".encode() for word in (self.path.name, *self.words, *words))
            )
            (folder / _MODULE).write_bytes(self.driver)
            saved_images(images, folder)
            uploads = {each: folder / each for each in ("words", _MODULE, "images.npy")}
            self._run(
                uploads | {"program": self.path.resolve()},
                downloads={each: folder / f"there-{each}" for each in files},
            )
            return {each: np.load(folder / f"there-{each}", allow_pickle=False) for each in files}

    def _run(self, uploads: dict[str, Path], *, downloads: dict[str, Path]) -> None:
        """Raises TargetError where the board is lost or the program fails."""
        answer = _answer({
            "address": self.place.address(session_s=int(DEADLINE_S)),
            "uploads": {each: str(path) for each, path in uploads.items()},
            "downloads": {each: str(path) for each, path in downloads.items()},
        })  # fmt: skip
        if "error" in answer:
            raise TargetError(
                f"{self.path} on {self.place}: {answer['error']}; is the board there, and is its "
                "address right?"
            )
        if answer["exit_code"] != 0:
            said = last_line(answer["said"]) or "it said nothing"
            ended = ending(answer["exit_code"])
            raise TargetError(f"{self.path} on {self.place} failed ({ended}): {said}")


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    paths = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "targets.runners.board_worker"],
            input=json.dumps(request), capture_output=True, text=True, check=False,
            timeout=DEADLINE_S + _PATIENCE_S, env={**os.environ, "PYTHONPATH": paths},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"error": f"no answer within {DEADLINE_S:g} s"}
    if done.returncode != 0:
        said = last_line(done.stderr) or "it said nothing"
        return {"error": f"its process died: {ending(done.returncode)}, {said[:200]}"}
    answer: dict[str, Any] = json.loads(last_line(done.stdout))
    return answer


def build_driver(target: Target, *, notify: Notify) -> bytes:
    """The module that starts programs on a target's boards. Raises TargetError."""
    # The board's own C library is loaded already, and on most boards it is GNU's.
    gnu = replace(target, zig_triple=target.zig_triple.replace("musl", "gnu"))
    with TemporaryDirectory(prefix="barsctl-driver-") as name:
        tools = Toolchain(gnu, Path(name), notify)
        objects = tools.compile([_FOLDER / "run_program.c"], include=_FOLDER)
        tools.link_module(objects, _MODULE, exports=["__tvm_ffi_run_program"])
        return (tools.folder / _MODULE).read_bytes()
