"""From a kernel spec to a TVM function."""

from typing import Any

from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script import builder as T

from space.blocks import BinaryConv, Classifier, Conv, Pool, Sum
from targets.kernel_specs import KernelSpec
from targets.vector_unit import VectorUnit

from .binary_conv import binary_conv
from .classifier import classifier
from .conv import conv
from .memory import declare
from .pool import pool
from .sum import add_shortcuts


def prim_func(spec: KernelSpec, unit: VectorUnit, *, symbol: str) -> Any:
    """The spec's kernel with parameters in the order of `arguments(spec, unit)`."""
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name(symbol)
        T.func_attr({"global_symbol": symbol, "tirx.noalias": True})
        memory = declare(spec, unit)
        match spec.block:
            case BinaryConv():
                binary_conv(spec.block, memory, unit)
            case Conv():
                conv(spec.block, memory, unit)
            case Sum():
                add_shortcuts(spec.block, memory, unit)
            case Pool():
                pool(spec.block, memory, unit)
            case Classifier():
                classifier(spec.block, memory, unit)
    return builder.get()
