"""Fashion-MNIST: 70 000 grey 28x28 photographs of clothes in ten classes (arXiv 1708.07747)."""

from pathlib import Path

import numpy as np

from barsctl.errors import DataError

from .augment import Augmentation
from .collection import Collection, Request
from .idx import read_idx
from .source import Images
from .storage import cache_folder, download

CLASS_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
AUGMENTATION = Augmentation(pad_pixels=2, flip=True)
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")

_ADDRESS = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
# SHA-256 of the compressed files whose MD5 sums the authors publish. Debian's files unpack to the
# same bytes, but were compressed anew.
_SHA256 = {
    "train-images-idx3-ubyte.gz": (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
    ),
    "train-labels-idx1-ubyte.gz": (
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
    ),
}


def load_fashion_mnist(request: Request) -> Collection:
    """Read the set from the data folder, else the cache, else Debian's package, else fetch it."""
    folder = request.data_dir or _installed_folder() or _fetch(cache_folder("fashion-mnist"))
    return Collection(
        class_names=CLASS_NAMES,
        train=read_part(folder, part="train"),
        test=read_part(folder, part="t10k"),
        augmentation=AUGMENTATION,
    )


def read_part(folder: Path, *, part: str) -> Images:
    """Return the images of part "train" or "t10k" from its two IDX files, compressed or not."""
    pixels = read_idx(_find(folder, f"{part}-images-idx3-ubyte"), axes=3)
    labels = read_idx(_find(folder, f"{part}-labels-idx1-ubyte"), axes=1)
    return Images(pixels[..., np.newaxis], labels.astype(np.int64))


def _find(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise DataError(
        f"{folder} holds neither {name} nor {name}.gz:"
        " give the folder of the four IDX files with --data-dir"
    )


def _installed_folder() -> Path | None:
    for folder in (cache_folder("fashion-mnist"), DEBIAN_FOLDER):
        if all((folder / name).is_file() for name in _SHA256):
            return folder
    return None


def _fetch(folder: Path) -> Path:
    for name, sha256 in _SHA256.items():
        if not (folder / name).is_file():
            download(f"{_ADDRESS}/{name}", folder / name, sha256=sha256)
    return folder
