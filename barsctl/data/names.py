"""The data sets' names, apart from their readers, which import numpy and Pillow."""

from typing import Literal

DataName = Literal[
    "fashion-mini", "fashion-mnist", "cifar10", "cifar100", "imagenet", "folder", "npz"
]
