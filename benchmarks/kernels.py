"""Kernels against onnxruntime in float32 and int8, against topi's, and against the machine's limit.

The layers of ResNet-18 at 224 and 32 pixels, on one thread. All contestants of a layer are timed in
interleaved rounds on one core; the tables hold medians, ratios are medians of the rounds' ratios.
int8 is the faster of onnxruntime's two layouts. Needs AVX-512 with VPOPCNTDQ and VNNI.
"""

import os
import statistics
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial

import numpy as np
from harness.bitserial_conv import bitserial_conv
from harness.built_kernels import BuiltKernels, built_kernels
from harness.onnx_convs import ConvShape, float_conv, int8_conv
from harness.report import Cell, Check, read_options, report
from harness.xor_popcount import XorPopcount, require_vpopcnt, xor_popcount

from space.blocks import BinaryConv, Block, Conv, Epilogue
from targets.boards import X86_64_V3, X86_64_VPOPCNT

SIGN, REAL, RESIDUAL = "sign", "real", "residual + sign"
EPILOGUES = {
    SIGN: Epilogue(inner_stored=False, inner_signs=1),
    REAL: Epilogue(),
    "prelu": Epilogue("prelu"),
    "prelu + residual": Epilogue("prelu", shortcuts=1),
    RESIDUAL: Epilogue(shortcuts=1, inner_signs=1),
}
IMAGENET = [(56, 64), (28, 128), (14, 256), (7, 512)]
CIFAR = [(32, 64), (16, 128)]
SHAPES = [ConvShape(channels, channels, 3, 1, size) for size, channels in IMAGENET + CIFAR]
POINTWISE = ConvShape(256, 256, 1, 1, 14)
STEMS = [ConvShape(3, 64, 7, 2, 224), ConvShape(3, 64, 3, 1, 32)]
Times = Mapping[str, list[float]]
RUNS = 5


def main() -> None:
    """Time every layer and report."""
    options = read_options(__doc__)
    require_vpopcnt()
    blocks = [block for shape in [*SHAPES, POINTWISE, *STEMS] for block in forms(shape).values()]
    with ExitStack() as stack:
        fast = stack.enter_context(built_kernels(blocks, X86_64_VPOPCNT))
        avx2 = stack.enter_context(built_kernels(blocks, X86_64_V3))
        limit = stack.enter_context(xor_popcount())
        core = fast.worker.facts().core
        if core is not None:  # which its process chose: all others join it
            os.sched_setaffinity(0, {core})
        times = {
            shape: layer_times(shape, fast, avx2, limit, rounds=1 if options.quick else 9)
            for shape in [*SHAPES, POINTWISE, *STEMS]
        }
    rows = [row(shape, each) for shape, each in times.items()]
    report("kernels", rows, checks(times), options)


def forms(shape: ConvShape) -> dict[str, Block]:
    """The block of a layer with each epilogue; a stem is an int8 convolution of an image."""
    if shape in STEMS:
        return {name: stem(shape, EPILOGUES[name]) for name in (REAL, "prelu")}
    return {
        name: BinaryConv(
            (shape.in_channels,), shape.out_channels, shape.kernel_size, shape.stride,
            shape.in_size, epilogue,
        )
        for name, epilogue in EPILOGUES.items()
        if name != "prelu"
    }  # fmt: skip


def stem(shape: ConvShape, epilogue: Epilogue) -> Conv:
    """The convolution of an image."""
    fields = (shape.in_channels, shape.out_channels, shape.kernel_size, shape.stride)
    return Conv(*fields, shape.in_size, image=True, epilogue=epilogue)


def layer_times(
    shape: ConvShape, fast: BuiltKernels, avx2: BuiltKernels, limit: XorPopcount, *, rounds: int
) -> Times:
    """Microseconds of every contestant in each round."""
    contestants: dict[str, Callable[[], float]] = {
        "ort fp32": repeated(float_conv(shape)),
        "ort int8": repeated(int8_conv(shape, channels_last=False)),
        "ort int8 nhwc": repeated(int8_conv(shape, channels_last=True)),
    }
    for name, block in forms(shape).items():
        contestants[name] = partial(fast.time_us, block)
        contestants[f"avx2 {name}"] = partial(avx2.time_us, block)
    if shape not in STEMS:
        contestants["limit"] = partial(limit.bound_us, shape.macs)
        contestants["topi"] = repeated(bitserial_conv(shape, X86_64_VPOPCNT))
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            times[name].append(run())
    return times


def repeated(run: Callable[[], float]) -> Callable[[], float]:
    """The median of a few runs after one that warms up."""

    def median_us() -> float:
        return statistics.median([run() for _ in range(1 + RUNS)][1:])

    return median_us


def int8(times: Times) -> list[float]:
    """Each round's times of the layout that is faster."""
    return min((times["ort int8"], times["ort int8 nhwc"]), key=statistics.median)


def ratio(times: Times, name: str, *, over: list[float]) -> float:
    """How many times as fast a kernel is: the median of the rounds' ratios."""
    return statistics.median(b / a for a, b in zip(times[name], over, strict=True))


def row(shape: ConvShape, times: Times) -> dict[str, Cell]:
    """A layer's medians, and how far the rounds were apart."""
    spread = np.quantile(times[REAL], [0.1, 0.9]) / statistics.median(times[REAL])
    return {
        "layer": str(shape),
        **{f"{name}, us": statistics.median(each) for name, each in times.items()},
        "p10 to p90": f"{100 * (spread[1] - spread[0]):.0f} %",
    }


def checks(times: Mapping[ConvShape, Times]) -> list[Check]:
    """The figures that were asked for."""
    found = []
    for shape in [*SHAPES, POINTWISE]:
        for name in (SIGN, RESIDUAL) if shape != POINTWISE else (SIGN,):
            found += against(shape, times[shape], name, fp32=18, int8_least=4.5)
    shares = [ratio(times[shape], SIGN, over=times[shape]["limit"]) for shape in SHAPES]
    found.append(Check("share of the limit, sign", statistics.geometric_mean(shares), 0.92))
    for shape in SHAPES[: len(IMAGENET)]:
        found += against(shape, times[shape], f"avx2 {SIGN}", fp32=10, int8_least=2.5)
    for shape in STEMS:
        over = int8(times[shape])
        found.append(Check(f"{shape}, over int8", ratio(times[shape], REAL, over=over), 2))
    return found


def against(
    shape: ConvShape, times: Times, name: str, *, fp32: float, int8_least: float
) -> list[Check]:
    """A kernel's checks against both of onnxruntime's types."""
    return [
        Check(f"{shape}, {name}, over fp32", ratio(times, name, over=times["ort fp32"]), fp32),
        Check(f"{shape}, {name}, over int8", ratio(times, name, over=int8(times)), int8_least),
    ]


if __name__ == "__main__":
    main()
