"""fashion-mini: 9500 images of Fashion-MNIST that come with barsctl, for demos and tests.

750 training and 200 test images of each class; `make_fashion_mini.py` says which.
"""

from pathlib import Path

from barsctl.errors import DataError

from .archive import read_archive
from .collection import Collection, Request
from .fashion_mnist import AUGMENTATION

EMBEDDED_FILE = Path(__file__).parent / "embedded" / "fashion-mini.npz"


def load_fashion_mini(request: Request) -> Collection:
    """Read the embedded file."""
    if request.data_dir is not None:
        raise DataError(
            f"data folder {request.data_dir} for fashion-mini: its images come with barsctl;"
            " leave the folder out or choose fashion-mnist"
        )
    collection = read_archive(EMBEDDED_FILE)
    return Collection(collection.class_names, collection.train, collection.test, AUGMENTATION)
