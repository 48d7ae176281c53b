"""A compiled network from Python, for images as NumPy arrays.

    from NAME import Network

    network = Network()
    network.label(image)  # the name of its class

Needs NumPy and the shared library that lies beside this file. Python 3.9 and later.
"""

from __future__ import annotations

import ctypes
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Network"]

NAME = ""
MACHINE = ""
LIBRARY_SHA256 = ""
IMAGE_SHAPE = (0, 0, 0)
ARENA_BYTES = 0
ARENA_ALIGNMENT = 1
CLASS_NAMES: tuple[str, ...] = ()


class Network:
    """The network with an arena of its own: several may run at once, each in a thread.

    One that threads share runs one image at a time. image_shape: height, width and channels.
    classes: their names, in the order of the logits. Raises FileNotFoundError where the library is
    not beside this file, OSError where this machine cannot load it, and ValueError where it is of
    another compilation.
    """

    def __init__(self) -> None:
        self.image_shape = IMAGE_SHAPE
        self.classes = CLASS_NAMES
        self._run_in = _loaded(Path(__file__).resolve().parent / f"lib{NAME}.so")
        self._room = np.zeros(ARENA_BYTES + ARENA_ALIGNMENT, np.uint8)
        self._arena = self._room.ctypes.data + -self._room.ctypes.data % ARENA_ALIGNMENT
        self._lock = Lock()

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.int32]:
        """[images, classes] of images [images, height, width, channels], or [classes] of one image.

        Raises TypeError for pixels that are not uint8, and ValueError for other shapes.
        """
        _require_pixels(images)
        several = np.ascontiguousarray(images).reshape(-1, *self.image_shape)
        logits = np.zeros((len(several), len(self.classes)), np.int32)
        with self._lock:
            for index, image in enumerate(several):
                self._run(image, logits[index])
        return logits if images.ndim == 4 else logits[0]

    def label(self, image: NDArray[np.uint8]) -> str:
        """The name of the most probable class of one image [height, width, channels]."""
        logits = self.logits(image)
        if logits.ndim != 1:
            raise ValueError(f"an array of {len(logits)} images: label one at a time")
        return self.classes[int(logits.argmax())]

    def _run(self, image: NDArray[np.uint8], logits: NDArray[np.int32]) -> None:
        status = self._run_in(self._arena, image.ctypes.data, logits.ctypes.data)
        if status != 0:
            raise OSError(
                f"{NAME} failed with status {status}: this processor lacks instructions that its "
                "kernels need; compile the network for it"
            )


def _loaded(path: Path) -> ctypes._NamedFuncPointer:
    """The library's function that runs one image in an arena."""
    try:
        found = sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file; copy it beside {NAME}.py") from None
    if found != LIBRARY_SHA256:
        raise ValueError(f"{path}: it is not what {NAME}.py was written for; copy both again")
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise OSError(f"{error}; the library is for {MACHINE}") from None
    function = library[f"{NAME}_run_in"]
    function.argtypes = [ctypes.c_void_p] * 3
    function.restype = ctypes.c_int
    return function


def _require_pixels(images: NDArray[np.uint8]) -> None:
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
        found = getattr(images, "dtype", type(images).__name__)
        raise TypeError(f"images of {found}: give a NumPy array of uint8, pixels from 0 to 255")
    if images.ndim not in (3, 4) or images.shape[-3:] != IMAGE_SHAPE:
        wanted = ", ".join(map(str, IMAGE_SHAPE))
        raise ValueError(
            f"images of shape {images.shape}: give one image [{wanted}], or [images, {wanted}]"
        )
