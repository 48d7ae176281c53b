"""Blocks whose kernels take microseconds, and a target whose kernels crash everywhere."""

from dataclasses import replace

from space.blocks import BinaryConv, Epilogue, Sum
from targets.boards import X86_64_V3
from targets.kernel_specs import KernelSpec, kernel_specs

# Every function uses instructions of APX, which no processor in use has.
CRASHING = replace(
    X86_64_V3, name="crashing", llvm_features=("+egpr", "+ndd", "+nf", "+ppx", "+push2pop2")
)


def small_specs() -> tuple[KernelSpec, ...]:
    """A few kernels, each of another shape."""
    blocks = (
        Sum(8, 4, Epilogue(shortcuts=1)),
        BinaryConv((8,), 8, 3, 1, 4, Epilogue(inner_signs=1)),
        Sum(16, 4, Epilogue(shortcuts=2)),
    )
    return tuple(spec for block in blocks for spec in kernel_specs(block))
