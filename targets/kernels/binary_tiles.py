"""The register tiles of a binary convolution: output pixels of one row x channels."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tvm.tirx.script import builder as T

from space.blocks import BinaryConv
from targets.binary_grid import binary_grid
from targets.layouts import words
from targets.pair_table import counts_by_table
from targets.vector_unit import VectorUnit

from .bit_sources import Source
from .epilogue import Place
from .memory import Memory
from .tiles import lane_tiles, pair_spans, shared, spans
from .vectors import Expr


@dataclass(frozen=True, slots=True)
class BinaryTile:
    """`size` output pixels from column x of row y on, of one tile of channels.

    rolled: whether the loops over its words stay loops.
    """

    block: BinaryConv
    place: Place
    y: Expr
    x: Expr
    size: int
    rolled: bool

    @property
    def lanes(self) -> int:
        return self.place.lanes

    def pixel_place(self, pixel: Expr) -> Place:
        """The place of one of its pixels."""
        return replace(self.place, pixel=self.place.pixel + pixel)

    def weights_index(self, row: Expr, word: Expr) -> Expr:
        """Index of the weights of a word of a kernel row."""
        tiles, row_words = self.place.tiles, _row_words(self.block)
        group = tiles.first + self.place.group * tiles.group_lanes
        lane = self.place.piece * tiles.lanes + self.place.turn
        in_group = (row * row_words + word) * tiles.group_lanes + lane
        return group * (self.block.kernel_size * row_words) + in_group

    def input_index(self, source: Source, pixel: int, *, row: Expr, word: Expr) -> Expr:
        """Index of a word of the window of a pixel of the tile."""
        stride = self.block.stride
        start = (self.y * stride + row) * source.width + (self.x + pixel) * stride
        return start * source.words + word


def _row_words(block: BinaryConv) -> int:
    return block.kernel_size * sum(map(words, block.in_channels))


def binary_tiles(block: BinaryConv, memory: Memory, unit: VectorUnit) -> Iterator[BinaryTile]:
    """Open the loops around each tile in turn."""
    grid = binary_grid(block)
    rows, columns = grid.out_rows, grid.out_columns
    cut = pair_spans if counts_by_table(block, unit) else spans
    for tiles in lane_tiles(block.out_channels, unit.binary.lanes):
        most = unit.binary.pixels * unit.binary.lanes // tiles.lanes
        with shared((tiles.count, tiles.pieces, rows), memory) as (group, piece, y):
            for span in cut(columns, most):
                with T.serial(span.count) as step, tiles.in_turn() as turn:
                    x = span.start + step * span.size
                    place = Place(block.out_channels, tiles, group, piece, y * columns + x, turn)
                    yield BinaryTile(block, place, y, x, span.size, unit.rolled)
