"""Data sets: uint8 images [count, size, size, channels] with int64 labels, in three parts."""

from .augment import Augmentation, augment
from .dataset import Dataset
from .registry import READERS, load
from .source import Images, ImageSource

__all__ = ["READERS", "Augmentation", "Dataset", "ImageSource", "Images", "augment", "load"]
