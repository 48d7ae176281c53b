"""Search spaces by name."""

from dataclasses import replace
from pathlib import Path

from .errors import SpaceError
from .search_space import SearchSpace, Stage
from .space_file import SUFFIX, read_space

# The paper's layout doubles the channels at each reduction and keeps up to 2 cells in a stage.
SPACES = {
    "demo": SearchSpace(
        "demo", image_channels=1, image_size=28, classes=10, stem_kernel_size=5, stem_stride=2,
        stages=(Stage(16, 2), Stage(32, 2)), nodes=3, widths=(0.5, 1.0),
    ),
    "fashion": SearchSpace(
        "fashion", image_channels=1, image_size=28, classes=10, stem_kernel_size=5, stem_stride=2,
        stages=(Stage(32, 1), Stage(64, 2)), nodes=3, stem_blocks=3, widths=(0.5, 0.75, 1.0),
    ),
    "fashion-small": SearchSpace(
        "fashion-small", image_channels=1, image_size=28, classes=10, stem_kernel_size=3,
        stem_stride=2, stages=(Stage(64, 2), Stage(64, 2), Stage(128, 2), Stage(128, 2)), nodes=2,
        primitives=("none", "skip", "bconv1x1", "bconv3x3"), sharing="kind", downsample="conv",
        path="narrow",
    ),
    "bars-cifar": SearchSpace(
        "bars-cifar", image_channels=3, image_size=32, classes=10, stem_kernel_size=3,
        stem_stride=1, stages=(Stage(64, 2), Stage(128, 2), Stage(256, 2)),
    ),
    "bars-imagenet": SearchSpace(
        "bars-imagenet", image_channels=3, image_size=224, classes=1000, stem_kernel_size=7,
        stem_stride=4, stages=(Stage(64, 2), Stage(128, 2), Stage(256, 2), Stage(512, 2)),
    ),
}  # fmt: skip


def named_space(
    name: str,
    *,
    image_channels: int | None = None,
    image_size: int | None = None,
    classes: int | None = None,
) -> SearchSpace:
    """A space by name or of a TOML file, for other images or classes where these are given.

    Raises SpaceError where the name is unknown, the file breaks a rule or the images do not fit.
    """
    if name.endswith(SUFFIX):
        space = read_space(Path(name))
    elif name in SPACES:
        space = SPACES[name]
    else:
        raise SpaceError(
            f"space {name!r} is unknown; take one of {', '.join(SPACES)}, or give a space's "
            "TOML file"
        )
    return replace(
        space,
        image_channels=space.image_channels if image_channels is None else image_channels,
        image_size=space.image_size if image_size is None else image_size,
        classes=space.classes if classes is None else classes,
    )
