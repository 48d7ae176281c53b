"""Images of a size, and files of them, for the program that reads nothing but pixels."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIZE = 6
PNM_MODES = {"P2": "L", "P5": "L", "P3": "RGB", "P6": "RGB"}


def picture(*, smooth: bool) -> Image.Image:
    """Colours with every awkward value; a smooth picture makes encoders use all filters."""
    if smooth:
        y, x = np.mgrid[:SIZE, :SIZE].astype(np.uint8)
        pixels = np.stack([40 * x, 40 * y, 20 * (x + y), 255 - 30 * x], axis=-1)
    else:
        pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 4), dtype=np.uint8)
    return Image.fromarray(pixels)


def pnm(kind: str, values: NDArray[np.int64], *, largest: int = 255) -> bytes:
    """An image [height, width] or [height, width, 3], with comments where they are allowed."""
    height, width = values.shape[:2]
    start = f"{kind}#by hand\n# {width}\n{width}\t{height} # size\r{largest}\n".encode()
    if kind in ("P2", "P3"):
        return start + " ".join(map(str, values.flat)).encode() + b"\n"
    return start + values.astype("u1" if largest < 256 else ">u2").tobytes()


def numbered(*shape: int) -> NDArray[np.uint8]:
    return (np.arange(np.prod(shape)) % 251).astype(np.uint8).reshape(shape)
