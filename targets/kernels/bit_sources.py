"""The packed tensors that a binary convolution reads, as runs of words."""

from dataclasses import dataclass

from tvm.tirx.script import builder as T

from space.blocks import BinaryConv
from targets.binary_grid import BinaryGrid, binary_grid
from targets.layouts import words

from .memory import Memory
from .vectors import Buffer, fill


@dataclass(frozen=True, slots=True)
class Source:
    """A packed tensor that the reduction reads: for each pixel, `rows` runs of `run` words.

    width: its pixels in a row. words: its words in a pixel. weights: index of its first word
    among those of a kernel row.
    """

    buffer: Buffer
    rows: int
    run: int
    width: int
    words: int
    weights: int


def sources(block: BinaryConv, memory: Memory) -> list[Source]:
    """The block's sources, with a border of +1 where its kernel needs one."""
    if block.kernel_size == 1:
        return _direct(block, memory)
    grid, k = binary_grid(block), block.kernel_size
    copy_padded(block, grid, memory, columns=grid.padded_columns)
    return [Source(memory["scratch"], k, k * grid.words, grid.padded_columns, grid.words, 0)]


def _direct(block: BinaryConv, memory: Memory) -> list[Source]:
    """A 1x1 kernel has no borders: it reads the sources where they are."""
    found, first = [], 0
    for i, channels in enumerate(block.in_channels):
        run = words(channels)
        found.append(Source(memory[f"source{i}"], 1, run, block.in_size, run, first))
        first += run
    return found


def copy_padded(block: BinaryConv, grid: BinaryGrid, memory: Memory, *, columns: int) -> None:
    """Copy the sources side by side into rows of `columns` pixels, with a border of +1.

    So the window of a pixel is a run of words in each row of the kernel.
    """
    scratch, pixel = memory["scratch"], grid.words
    width, row = columns * pixel, grid.in_columns * pixel
    start = grid.border * (width + pixel)
    fill(scratch, 0, start, value=0)
    with T.serial(grid.in_rows - 1) as y:
        fill(scratch, start + y * width + row, width - row, value=0)
    end = start + (grid.in_rows - 1) * width + row
    fill(scratch, end, grid.padded_rows * width - end, value=0)
    for i, channels in enumerate(block.in_channels):
        run = words(channels)
        with T.serial(grid.in_rows) as y, T.serial(grid.in_columns) as x, T.serial(run) as word:
            value = memory[f"source{i}"][(y * grid.in_columns + x) * run + word]
            T.buffer_store(scratch, value, [start + y * width + x * pixel + word])
        start += run
