"""Blocks whose shapes are chosen to break a kernel."""

from space.blocks import (
    Activation,
    BinaryConv,
    Block,
    Classifier,
    Conv,
    Epilogue,
    MaxPool,
    Pool,
    Sum,
)

SIGNED = Epilogue(inner_signs=1)
PLAIN = Epilogue()


def full(activation: Activation, *, shortcuts: int) -> Epilogue:
    """Everything an epilogue can do."""
    return Epilogue(
        activation=activation, shortcuts=shortcuts, inner_signs=2, outer=True, outer_signs=1
    )


BINARY_CONVS: list[Block] = [
    BinaryConv((1,), 1, 1, 1, 1, PLAIN),
    BinaryConv((1,), 1, 3, 1, 1, SIGNED),
    BinaryConv((3,), 5, 3, 2, 2, SIGNED),
    BinaryConv((32,), 32, 3, 1, 7, full("prelu", shortcuts=1)),
    BinaryConv((64, 24), 40, 3, 1, 9, full("prelu", shortcuts=2)),
    BinaryConv((8, 16, 40), 24, 3, 2, 15, full("none", shortcuts=0)),
    BinaryConv((40, 8), 72, 1, 1, 5, full("relu", shortcuts=1)),
    BinaryConv((96,), 16, 1, 2, 13, SIGNED),
    BinaryConv((33, 31), 8, 5, 1, 6, SIGNED),
    BinaryConv((16,), 33, 5, 2, 8, full("none", shortcuts=3)),
    BinaryConv((33, 40), 24, 7, 1, 5, SIGNED),
    BinaryConv((33, 40), 24, 9, 2, 6, full("prelu", shortcuts=1)),
    BinaryConv((256,), 32, 3, 1, 4, Epilogue(inner_stored=False, inner_signs=1)),
    BinaryConv((1056,), 16, 1, 1, 3, PLAIN),
    BinaryConv((131104,), 8, 1, 1, 1, PLAIN),
    BinaryConv((520, 520), 8, 3, 1, 2, Epilogue(outer=True, inner_stored=False)),
]
CONVS: list[Block] = [
    Conv(1, 1, 1, 1, 1, True, PLAIN),
    Conv(1, 8, 3, 1, 5, True, SIGNED),
    Conv(3, 16, 3, 2, 9, True, full("prelu", shortcuts=0)),
    Conv(3, 40, 7, 2, 16, True, SIGNED),
    Conv(4, 33, 5, 1, 6, True, full("relu", shortcuts=1)),
    Conv(3, 32, 1, 2, 7, True, PLAIN),
    Conv(5, 24, 3, 1, 6, False, full("prelu", shortcuts=2)),
    Conv(40, 72, 1, 2, 7, False, SIGNED),
    Conv(64, 32, 3, 2, 5, False, PLAIN),
    Conv(1, 1, 3, 1, 1, False, PLAIN),
    Conv(3, 64, 7, 2, 16, True, SIGNED, MaxPool(3, 2)),
    Conv(3, 33, 3, 1, 9, True, full("prelu", shortcuts=1), MaxPool(3, 2)),
    Conv(1, 1, 3, 2, 1, True, SIGNED, MaxPool(3, 2)),
    Conv(1, 3, 1, 2, 7, True, full("relu", shortcuts=0), MaxPool(3, 1)),
    Conv(33, 3, 3, 1, 2, False, SIGNED, MaxPool(2, 2)),
    Conv(64, 72, 3, 2, 13, False, full("none", shortcuts=1), MaxPool(5, 2)),
    Conv(5, 24, 1, 1, 8, False, Epilogue(inner_stored=False, inner_signs=1), MaxPool(1, 3)),
]
# Rows long enough for whole tiles, of all widths of a group.
WIDE: list[Block] = [
    BinaryConv((8,), 56, 3, 1, 33, Epilogue(activation="prelu")),
    Conv(3, 56, 3, 1, 33, True, PLAIN),
]
OTHERS: list[Block] = [
    Sum(1, 1, Epilogue(shortcuts=1)),
    Sum(40, 5, full("none", shortcuts=3)),
    Sum(24, 3, Epilogue(shortcuts=2, inner_stored=False, inner_signs=1)),
    Pool("average", 40, 72, 48, 2, 2, 7, full("none", shortcuts=1)),
    Pool("average", 5, 13, 6, 3, 3, 9, SIGNED),
    Pool("average", 16, 64, 32, 2, 2, 4, SIGNED),
    Pool("average", 8, 8, 8, 7, 7, 7, PLAIN),
    Pool("max", 40, 40, 40, 3, 2, 8, full("none", shortcuts=0)),
    Pool("max", 9, 33, 16, 5, 1, 4, SIGNED),
    Pool("max", 1, 1, 1, 2, 2, 3, PLAIN),
    Classifier((1,), 1, 1),
    Classifier((40, 24, 8), 10, 3),
    Classifier((64,), 100, 7),
    Classifier((33, 7), 41, 4),
]
CHANNELS = (1, 3, 31, 32, 33, 64, 100, 257)
SIZES = (1, 2, 7, 8, 13)


def covering_convs() -> list[Block]:
    """Every pair of a number of channels and a size, with every stride and kernel size in turn."""
    found: list[Block] = []
    for i, channels in enumerate(CHANNELS):
        for j, size in enumerate(SIZES):
            out_channels = CHANNELS[(3 * i + j + 1) % len(CHANNELS)]
            kernel_size, stride = (1, 3, 5)[(i + j) % 3], (1, 2)[(i // 2 + j) % 2]
            epilogue = (SIGNED, PLAIN, full("prelu", shortcuts=1))[(i + 2 * j) % 3]
            shape = (out_channels, kernel_size, stride, size)
            found.append(BinaryConv((channels,), *shape, epilogue))
            if channels in (3, 64):
                found.append(Conv(channels, *shape, image=channels == 3, epilogue=epilogue))
    return found


BLOCKS = [*dict.fromkeys(BINARY_CONVS + CONVS + WIDE + OTHERS + covering_convs())]
