"""The pixels of a binary convolution as its kernel walks over them."""

from dataclasses import dataclass

from space.blocks import BinaryConv

from .layouts import words


@dataclass(frozen=True, slots=True)
class BinaryGrid:
    """Rows and columns of the outputs and of the padded sources, in pixels.

    border: of +1 on each side of the sources. words: of a pixel of all sources, side by side.
    """

    out_rows: int
    out_columns: int
    in_rows: int
    in_columns: int
    border: int
    stride: int
    words: int

    @property
    def padded_rows(self) -> int:
        return self.in_rows + 2 * self.border

    @property
    def padded_columns(self) -> int:
        return self.in_columns + 2 * self.border


def binary_grid(block: BinaryConv) -> BinaryGrid:
    """The grid of a block. Without borders and strides, all pixels are one row."""
    pixel = sum(map(words, block.in_channels))
    if block.kernel_size == 1 and block.stride == 1:
        return BinaryGrid(1, block.out_size**2, 1, block.in_size**2, 0, 1, pixel)
    border = block.kernel_size // 2
    sizes = (block.out_size, block.out_size, block.in_size, block.in_size)
    return BinaryGrid(*sizes, border, block.stride, pixel)
