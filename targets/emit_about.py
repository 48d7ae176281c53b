"""The C source of what a program says of itself: target, hashes, accuracy, barsctl's version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version

from .build import kernel_hash
from .emit_c import NETWORK_SOURCES, PROGRAM_SOURCES
from .target import Target

ABOUT = "network-about.c"


@dataclass(frozen=True, slots=True)
class Score:
    """How many of some test images the frozen network labels rightly."""

    right: int
    images: int


def about_source(
    sources: Mapping[str, bytes], kernels: Sequence[bytes], *, target: Target,
    score: Score | None,
) -> str:  # fmt: skip
    """What runtime/main.c prints for --version.

    sources: the generated files. kernels: the variants' object files. score: None where no images
    were tested.
    """
    right, images = (score.right, score.images) if score else (0, 0)
    return f"""\
#include "about.h"

const struct about about = {{
    .target = "{target.name}",
    .build_hash = "{build_hash(sources, kernels)}",
    .kernel_hash = "{kernel_hash()}",
    .barsctl_version = "{version("barsctl")}",
    .right_images = {right},
    .test_images = {images},
}};
"""


def build_hash(sources: Mapping[str, bytes], kernels: Sequence[bytes]) -> str:
    """A hash of the network: its calls, its weights (by their hash), its names and its kernels."""
    digest = sha256()
    for data in (*(sources[name] for name in (*NETWORK_SOURCES, *PROGRAM_SOURCES)), *kernels):
        digest.update(sha256(data).digest())
    return digest.hexdigest()[:16]
