"""TVM's own bit-serial convolution (topi), as it comes: without a schedule for this processor."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import te, topi

from targets.target import Target

from .onnx_convs import ConvShape

Bits = NDArray[np.uint32]


def bitserial_conv(shape: ConvShape, target: Target) -> Callable[[], float]:
    """A function that runs topi's convolution of bits once and returns its microseconds.

    Its bits are 0 and 1, not +-1. Raises AssertionError where its sums are wrong.
    """
    kernel_size, size = shape.kernel_size, shape.in_size
    image = te.placeholder((1, size, size, shape.in_channels), "uint32", name="image")
    window = (kernel_size, kernel_size, shape.in_channels, shape.out_channels)
    weights = te.placeholder(window, "uint32", name="weights")
    sums = topi.nn.bitserial_conv2d_nhwc(
        image, weights, shape.stride, kernel_size // 2, 1, 1, "uint32", "int16", unipolar=False
    )
    llvm = {"kind": "llvm", "mtriple": target.llvm_triple, "mcpu": target.llvm_cpu,
            "mattr": list(target.llvm_features)}  # fmt: skip
    function = te.create_prim_func([image, weights, sums])
    library = tvm.tirx.build(function, target=tvm.target.Target(llvm))

    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 2, (1, size, size, shape.in_channels)).astype(np.uint32)
    bits = rng.integers(0, 2, window).astype(np.uint32)
    answer = np.zeros((1, shape.out_size, shape.out_size, shape.out_channels), np.int16)
    tensors = [tvm.runtime.tensor(each) for each in (pixels, bits, answer)]
    library["main"](*tensors)
    np.testing.assert_array_equal(tensors[2].numpy()[0], _sums(pixels[0], bits, shape))
    evaluator = library.time_evaluator("main", tvm.cpu(), number=1)

    def run() -> float:
        return 1e6 * float(evaluator(*tensors).mean)

    return run


def _sums(pixels: Bits, bits: Bits, shape: ConvShape) -> NDArray[Any]:
    """The convolution by matrix products, exact in float64."""
    border, size, stride = shape.kernel_size // 2, shape.out_size, shape.stride
    padded = np.pad(pixels.astype(np.float64), ((border, border), (border, border), (0, 0)))
    total = np.zeros((size, size, shape.out_channels))
    reach = stride * (size - 1) + 1
    for y, x in np.ndindex(shape.kernel_size, shape.kernel_size):
        total += padded[y : y + reach : stride, x : x + reach : stride] @ bits[y, x]
    return total
