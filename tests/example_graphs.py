"""Small hand-made graphs that together hold every block, epilogue and awkward shape."""

from collections.abc import Callable

from space.blocks import BinaryConv, Classifier, Conv, Epilogue, MaxPool, Pool, Sum
from space.graph import IMAGE_VALUE, BlockGraph, Inputs, Value


def _cell() -> BlockGraph:
    """Odd channels, several sources of different width, prelu, both shortcuts, strided stem."""
    graph = BlockGraph(image_channels=3, image_size=9, classes=7)
    stem = graph.add(
        "stem",
        Conv(3, 13, 3, 2, 9, image=True, epilogue=Epilogue(inner_signs=1)),
        Inputs((IMAGE_VALUE,)),
    )
    process = graph.add(
        "c0.process",
        BinaryConv((13,), 34, 1, 1, 5, Epilogue("prelu", inner_signs=2)),
        Inputs((Value(stem, "inner_sign0"),)),
    )
    node = graph.add(
        "c0.node1",
        BinaryConv(
            (34, 13), 34, 3, 1, 5,
            Epilogue("prelu", shortcuts=1, inner_signs=1, outer=True, outer_signs=2),
        ),
        Inputs(
            (Value(process, "inner_sign1"), Value(stem, "inner_sign0")),
            (Value(process, "inner"),),
            Value(process, "inner"),
        ),
    )  # fmt: skip
    last = graph.add(
        "c0.node2",
        BinaryConv(
            (34, 34, 34), 13, 5, 1, 5,
            Epilogue("relu", shortcuts=1, inner_stored=False, outer=True),
        ),
        Inputs(
            (Value(node, "outer_sign1"), Value(process, "inner_sign0"), Value(node, "inner_sign0")),
            (Value(stem, "inner"),),
            Value(stem, "inner"),
        ),
    )  # fmt: skip
    graph.add(
        "classifier",
        Classifier((34, 13, 34), 7, 5),
        Inputs((Value(node, "outer"), Value(last, "outer"), Value(node, "inner"))),
    )
    return graph


def _reduction() -> BlockGraph:
    """Stride 2 on odd sizes, pools that duplicate channels or fill with zeros, skip-only sums."""
    graph = BlockGraph(image_channels=1, image_size=11, classes=3)
    stem = graph.add(
        "stem",
        Conv(1, 6, 5, 1, 11, image=True, epilogue=Epilogue("relu", inner_signs=1)),
        Inputs((IMAGE_VALUE,)),
    )
    process = graph.add(
        "s1r.process",
        BinaryConv((6, 6), 16, 3, 2, 11, Epilogue(inner_signs=1)),
        Inputs((Value(stem, "inner_sign0"), Value(stem, "inner_sign0"))),
    )
    down = graph.add(
        "s1r.down",
        Pool("max", 6, 16, 8, 3, 2, 11, Epilogue(shortcuts=1, inner_signs=1)),
        Inputs((Value(stem, "inner"),), (Value(process, "inner"),)),
    )
    skip = graph.add(
        "s1r.node1",
        Sum(16, 6, Epilogue(shortcuts=3, inner_signs=1, outer=True, outer_signs=1)),
        Inputs(
            (),
            (Value(process, "inner"), Value(down, "inner"), Value(process, "inner")),
            Value(down, "inner"),
        ),
    )
    strided = graph.add(
        "s2r.process",
        BinaryConv((16, 16, 16), 40, 1, 2, 6, Epilogue("prelu")),
        Inputs(
            (Value(skip, "inner_sign0"), Value(skip, "outer_sign0"), Value(down, "inner_sign0"))
        ),
    )
    halved = graph.add(
        "s2r.down",
        Pool("average", 16, 40, 16, 2, 2, 6, Epilogue(outer=True, inner_stored=False)),
        Inputs((Value(skip, "outer"),), (), Value(strided, "inner")),
    )
    third = graph.add(
        "s3r.down",
        Pool("average", 40, 33, 20, 3, 3, 3, Epilogue()),
        Inputs((Value(halved, "outer"),)),
    )
    graph.add("classifier", Classifier((33,), 3, 1), Inputs((Value(third, "inner"),)))
    return graph


def _real_convs() -> BlockGraph:
    """Convolutions over real tensors, even max and cut average pools, sign-only blocks."""
    graph = BlockGraph(image_channels=2, image_size=8, classes=10)
    stem = graph.add(
        "stem", Conv(2, 9, 7, 2, 8, image=True, epilogue=Epilogue("prelu")), Inputs((IMAGE_VALUE,))
    )
    widest = graph.add(
        "pool", Pool("max", 9, 9, 9, 2, 1, 4, Epilogue()), Inputs((Value(stem, "inner"),))
    )
    point = graph.add(
        "point",
        Conv(9, 24, 1, 1, 5, image=False, epilogue=Epilogue("relu", inner_signs=1)),
        Inputs((Value(widest, "inner"),)),
    )
    bits = graph.add(
        "bits",
        BinaryConv((24,), 64, 3, 1, 5, Epilogue(inner_stored=False, inner_signs=1)),
        Inputs((Value(point, "inner_sign0"),)),
    )
    square = graph.add(
        "square",
        Conv(24, 31, 3, 2, 5, image=False, epilogue=Epilogue(inner_stored=False, inner_signs=1)),
        Inputs((Value(point, "inner"),)),
    )
    wide = graph.add(
        "wide",
        BinaryConv((64,), 31, 3, 2, 5, Epilogue("prelu", inner_signs=1)),
        Inputs((Value(bits, "inner_sign0"),)),
    )
    both = graph.add(
        "both",
        BinaryConv((31, 31), 31, 3, 1, 3, Epilogue(shortcuts=1)),
        Inputs((Value(square, "inner_sign0"), Value(wide, "inner_sign0")), (Value(wide, "inner"),)),
    )
    cut = graph.add(
        "cut", Pool("average", 31, 31, 31, 2, 2, 3, Epilogue()), Inputs((Value(both, "inner"),))
    )
    graph.add("classifier", Classifier((31,), 10, 1), Inputs((Value(cut, "inner"),)))
    return graph


def _one_pixel() -> BlockGraph:
    """One pixel, one channel, one class: kernels that see mostly padding."""
    graph = BlockGraph(image_channels=1, image_size=1, classes=1)
    stem = graph.add(
        "stem",
        Conv(1, 1, 3, 1, 1, image=True, epilogue=Epilogue(inner_signs=1)),
        Inputs((IMAGE_VALUE,)),
    )
    conv = graph.add(
        "conv",
        BinaryConv((1,), 33, 5, 2, 1, Epilogue("prelu", inner_signs=1)),
        Inputs((Value(stem, "inner_sign0"),)),
    )
    last = graph.add(
        "last",
        BinaryConv((33, 1), 1, 1, 1, 1, Epilogue(outer=True)),
        Inputs((Value(conv, "inner_sign0"), Value(stem, "inner_sign0")), (), Value(stem, "inner")),
    )
    graph.add("classifier", Classifier((1, 33), 1, 1),
              Inputs((Value(last, "outer"), Value(conv, "inner"))))  # fmt: skip
    return graph


def _pooled() -> BlockGraph:
    """Convolutions with max pools: of an image, and of a real tensor before its shortcuts."""
    graph = BlockGraph(image_channels=3, image_size=13, classes=5)
    stem = graph.add(
        "stem",
        Conv(3, 33, 7, 2, 13, True, Epilogue("prelu", inner_signs=1), MaxPool(3, 2)),
        Inputs((IMAGE_VALUE,)),
    )
    process = graph.add(
        "process",
        BinaryConv((33,), 12, 3, 1, 4, Epilogue("prelu", inner_signs=1)),
        Inputs((Value(stem, "inner_sign0"),)),
    )
    both = graph.add(
        "both",
        Conv(
            33, 12, 3, 1, 4, False,
            Epilogue(shortcuts=1, inner_signs=1, outer=True, outer_signs=1), MaxPool(3, 1),
        ),
        Inputs((Value(stem, "inner"),), (Value(process, "inner"),), Value(process, "inner")),
    )  # fmt: skip
    last = graph.add(
        "last",
        BinaryConv((12, 12, 12), 12, 1, 2, 4, Epilogue()),
        Inputs((
            Value(both, "inner_sign0"), Value(both, "outer_sign0"), Value(process, "inner_sign0"),
        )),
    )  # fmt: skip
    graph.add("classifier", Classifier((12,), 5, 2), Inputs((Value(last, "inner"),)))
    return graph


EXAMPLE_GRAPHS: dict[str, Callable[[], BlockGraph]] = {
    "cell": _cell,
    "reduction": _reduction,
    "real-convs": _real_convs,
    "one-pixel": _one_pixel,
    "pooled": _pooled,
}
