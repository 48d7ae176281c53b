"""The packed tensors that a binary convolution reads, as runs of words."""

from dataclasses import dataclass

from tvm.tirx.script import builder as T

from space.blocks import BinaryConv
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
    return _padded(block, memory) if block.kernel_size > 1 else _direct(block, memory)


def _direct(block: BinaryConv, memory: Memory) -> list[Source]:
    """A 1x1 kernel has no borders: it reads the sources where they are."""
    found, first = [], 0
    for i, channels in enumerate(block.in_channels):
        run = words(channels)
        found.append(Source(memory[f"source{i}"], 1, run, block.in_size, run, first))
        first += run
    return found


def _padded(block: BinaryConv, memory: Memory) -> list[Source]:
    """Copy the sources side by side, with a border of +1, so that a window is `rows` runs."""
    scratch, size = memory["scratch"], block.in_size
    border, pixel = block.kernel_size // 2, sum(map(words, block.in_channels))
    width, edge = (size + 2 * border) * pixel, border * pixel
    fill(scratch, 0, border * width + edge, value=0)
    with T.serial(size - 1) as y:
        fill(scratch, (border + y + 1) * width - edge, 2 * edge, value=0)
    fill(scratch, (border + size) * width - edge, border * width + edge, value=0)
    first = border * width + edge
    for i, channels in enumerate(block.in_channels):
        run = words(channels)
        with T.serial(size) as y, T.serial(size) as x, T.serial(run) as word:
            value = memory[f"source{i}"][(y * size + x) * run + word]
            T.buffer_store(scratch, value, [first + y * width + x * pixel + word])
        first += run
    return [
        Source(scratch, block.kernel_size, block.kernel_size * pixel, size + 2 * border, pixel, 0)
    ]
