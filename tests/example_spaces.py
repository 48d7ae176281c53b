"""Small search spaces that together hold every form, sharing, stem and layout."""

from dataclasses import replace
from itertools import product

from space.search_space import Form, SearchSpace, Sharing, Stage

# 4x4 images, one stage, one cell of two nodes: small enough to work out by hand.
TINY = SearchSpace(
    "tiny", image_channels=1, image_size=4, classes=3, stem_kernel_size=3, stem_stride=1,
    stages=(Stage(16, 1),), nodes=2, widths=(0.5, 1.0),
)  # fmt: skip

SMALL = replace(
    TINY,
    name="small",
    image_size=16,
    stages=(Stage(16, 2), Stage(32, 0), Stage(32, 2)),
    nodes=3,
    primitives=("none", "skip", "bconv1x1", "bconv3x3"),
)

LAYOUTS = {
    "one-stage": (Stage(16, 2),),
    "no-normal-cell": (Stage(16, 0),),
    "three-stages": SMALL.stages,
    "reductions-only": (Stage(16, 0), Stage(32, 0)),
}

FORMS: tuple[Form, ...] = ("node", "edge")
SHARINGS: tuple[Sharing, ...] = ("cell", "stage", "kind")

BARE_SPACES = {
    "no-inner-shortcuts": replace(SMALL, inner_shortcuts=False),
    "no-outer-shortcuts": replace(SMALL, outer_shortcuts=False),
    "no-shortcuts": replace(SMALL, form="edge", inner_shortcuts=False, outer_shortcuts=False),
    "convs-alone": replace(
        SMALL, primitives=("bconv3x3",), inner_shortcuts=False, outer_shortcuts=False, stem_blocks=3
    ),
}

ODD_SPACES = {
    "odd-sizes": replace(SMALL, image_size=14, stages=(Stage(16, 1), Stage(32, 0), Stage(32, 1))),
    "odd-edge": replace(SMALL, image_size=5, form="edge", stem_blocks=3),
}

PROJECTED_SPACES = {
    "projected": replace(SMALL, downsample="conv"),
    "projected-odd-stems": replace(SMALL, downsample="conv", image_size=14, stem_blocks=3),
    "projected-no-normal-cell": replace(
        SMALL, downsample="conv", stages=LAYOUTS["reductions-only"]
    ),
}

CROSSED_SPACES = {
    f"{form}-{sharing}-{stems}-{layout}": replace(
        SMALL, form=form, sharing=sharing, stem_blocks=stems, stages=LAYOUTS[layout]
    )
    for form, sharing, stems, layout in product(FORMS, SHARINGS, (1, 3), LAYOUTS)
}

NARROW_SPACES = {
    "narrow": replace(SMALL, path="narrow"),
    "narrow-projected": replace(SMALL, path="narrow", downsample="conv", image_size=14),
    "narrow-no-outer-shortcuts": replace(SMALL, path="narrow", outer_shortcuts=False),
    "narrow-kind": replace(SMALL, path="narrow", sharing="kind", stages=LAYOUTS["one-stage"]),
    "narrow-no-normal-cell": replace(SMALL, path="narrow", stages=LAYOUTS["reductions-only"]),
}

EXAMPLE_SPACES = BARE_SPACES | ODD_SPACES | PROJECTED_SPACES | NARROW_SPACES | CROSSED_SPACES
