"""Where the time of Bi-Real-18 goes at 224 pixels: its kernels alone, and the whole program.

Each distinct kernel is timed as `barsctl profile` does, its data in the cache, on one thread.
A binary kernel's share of the limit is of xor, popcount and add of 512 bits as measured on this
machine; the program's counts its binary kernels alone. Needs AVX-512 with VPOPCNTDQ.
"""

import statistics
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from harness.interleaved import Engine
from harness.onnx_convs import ConvShape
from harness.random_program import random_program
from harness.report import Cell, read_options, report
from harness.xor_popcount import require_vpopcnt, xor_popcount

from space.blocks import BinaryConv, Block, Classifier, Conv, MaxPool, Pool, Sum
from space.counts import counts
from space.references import bireal18
from targets.catalog import named_target
from targets.kernel_specs import KernelSpec, kernel_specs
from targets.measure import Measured, measure

Times = Mapping[KernelSpec, float]


def main() -> None:
    """Time the program and its kernels, and report the kernels by their time."""
    options = read_options(__doc__)
    require_vpopcnt()
    torch.set_num_threads(1)
    graph = bireal18(3, 224, 1000)
    rounds = 3 if options.quick else 9
    with TemporaryDirectory() as folder:
        program = random_program(graph, Path(folder), threads=1, notify=print)
        engine = Engine(program.command, threads=1)
        program_us = 1e3 * statistics.median(engine.median_ms(runs=100) for _ in range(rounds))
    calls = Counter(spec for block in graph.blocks for spec in kernel_specs(block))
    times = kernel_times_us(list(calls))
    with xor_popcount() as limit:
        step_us = statistics.median(limit.bound_us(10**9) for _ in range(rounds))
    report("network_kernels", rows(calls, times, step_us / 1e9, program_us), [], options)


def kernel_times_us(specs: list[KernelSpec]) -> Times:
    """The median microseconds of every kernel."""
    found = {}
    for result in measure(specs, named_target("host")):
        assert isinstance(result, Measured), result
        found[result.spec] = result.median_us
    return found


def rows(
    calls: Mapping[KernelSpec, int], times: Times, mac_us: float, program_us: float
) -> list[dict[str, Cell]]:
    """The kernels by the time of all their calls, their sum, and the program.

    mac_us: the least microseconds of a binary multiply-accumulate.
    """
    totals = {spec: count * times[spec] for spec, count in calls.items()}
    kernels_us = sum(totals.values())
    found: list[dict[str, Cell]] = []
    for spec in sorted(totals, key=lambda each: -totals[each]):
        macs = counts(spec.block).binary_macs
        found.append({
            "kernel": kernel_name(spec.block),
            "calls": calls[spec],
            "one, us": times[spec],
            "all, us": totals[spec],
            "of the kernels": share(totals[spec] / kernels_us),
            "of the limit": share(macs * mac_us / times[spec]) if macs else "",
        })  # fmt: skip
    binary = sum(count * counts(spec.block).binary_macs for spec, count in calls.items())
    found.append({"kernel": "all kernels", "calls": sum(calls.values()), "all, us": kernels_us})
    found.append({
        "kernel": "program",
        "all, us": program_us,
        "of the kernels": share(program_us / kernels_us),
        "of the limit": share(binary * mac_us / program_us),
    })  # fmt: skip
    return found


def share(part: float) -> str:
    """A share in percent."""
    return f"{100 * part:.0f} %"


def kernel_name(block: Block) -> str:
    """Operator, window, shape and epilogue of a block in a few words."""
    match block:
        case BinaryConv():
            return f"binary {conv_name(block, sum(block.in_channels))}"
        case Conv():
            pool = "" if block.max_pool is None else f", max pool {window(block.max_pool)}"
            kind = "uint8" if block.image else "int8"
            return f"{kind} {conv_name(block, block.in_channels)}{pool}"
        case Pool():
            size = f"{block.in_size}x{block.in_size}x{block.in_channels}"
            return f"{block.kind} pool {window(block)} {size}, {written(block)}"
        case Sum():
            return f"sum {block.size}x{block.size}x{block.channels}, {written(block)}"
        case Classifier():
            channels = sum(block.in_channels)
            return f"classifier {block.in_size}x{block.in_size}x{channels} -> {block.classes}"


def window(pool: MaxPool | Pool) -> str:
    """Window and stride of a pool."""
    return f"{pool.kernel_size}x{pool.kernel_size}/{pool.stride}"


def conv_name(block: BinaryConv | Conv, in_channels: int) -> str:
    """Window, shape and epilogue of a convolution."""
    fields = (block.out_channels, block.kernel_size, block.stride, block.in_size)
    return f"{ConvShape(in_channels, *fields)}, {written(block)}"


def written(block: BinaryConv | Conv | Pool | Sum) -> str:
    """An epilogue in a few words."""
    epilogue = block.epilogue
    activation = [epilogue.activation] if epilogue.activation != "none" else []
    added = ["residual"] * epilogue.shortcuts
    return " + ".join([*activation, *added, *(port.rstrip("0") for port in epilogue.ports)])


if __name__ == "__main__":
    main()
