"""The pictures that the program reads, PNG, PGM and PPM, and what it says of bad ones."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from .image_files import PNM_MODES, SIZE, picture, pnm
from .png_files import chunk, grey, header, interlaced, png
from .runtime_program import PixelProgram, pixel_program


@pytest.mark.parametrize("level", [0, 1, 9])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("smooth", [True, False])
def test_png_modes_read_as_pillow_reads_them(
    grey_program: PixelProgram, colour_program: PixelProgram, tmp_path: Path, *,
    smooth: bool, mode: str, level: int,
) -> None:  # fmt: skip
    path = tmp_path / "image.png"
    image = picture(smooth=smooth)
    image = image if mode == "RGBA" else image.convert("RGB").convert(mode)
    image.save(path, compress_level=level)
    with Image.open(path) as opened:
        colours = opened.convert("RGB")
    np.testing.assert_array_equal(colour_program.pixels(path)[0], colours)
    np.testing.assert_array_equal(grey_program.pixels(path)[0, :, :, 0], colours.convert("L"))


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_narrow_grey_is_stretched_and_narrow_palettes_are_not(
    grey_program: PixelProgram, tmp_path: Path, bits: int
) -> None:
    largest = 2**bits - 1
    values = np.arange(SIZE * SIZE).reshape(SIZE, SIZE) % (largest + 1)
    rows = b"".join(b"\0" + packed(row, bits) for row in values)
    path = tmp_path / "image.png"
    data = chunk(b"IDAT", zlib.compress(rows))
    path.write_bytes(png(header(SIZE, SIZE, depth=bits), data, chunk(b"IEND")))
    np.testing.assert_array_equal(grey_program.pixels(path)[0, :, :, 0], values * 255 // largest)
    palette = chunk(b"PLTE", bytes(3 * entry // 3 for entry in range(3 * (largest + 1))))
    indexed = header(SIZE, SIZE, depth=bits, colour=3)
    path.write_bytes(png(indexed, palette, data, chunk(b"IEND")))
    with Image.open(path) as image:
        wanted = image.convert("RGB").convert("L")
    np.testing.assert_array_equal(grey_program.pixels(path)[0, :, :, 0], wanted)


def packed(values: NDArray[np.int64], bits: int) -> bytes:
    row = "".join(f"{value:0{bits}b}" for value in values)
    row += "0" * (-len(row) % 8)
    return int(row, 2).to_bytes(len(row) // 8, "big")


def test_sixteen_bits_read_as_their_upper_eight(grey_program: PixelProgram, tmp_path: Path) -> None:
    values = np.arange(SIZE * SIZE, dtype=np.uint16).reshape(SIZE, SIZE) * 1777
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    path = tmp_path / "image.png"
    path.write_bytes(
        png(header(SIZE, SIZE, depth=16), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND"))
    )
    np.testing.assert_array_equal(grey_program.pixels(path)[0, :, :, 0], values >> 8)


def test_data_in_many_chunks_is_joined(grey_program: PixelProgram, tmp_path: Path) -> None:
    rows = b"".join(bytes([0, *range(SIZE * y, SIZE * (y + 1))]) for y in range(SIZE))
    pieces = [chunk(b"IDAT", bytes([byte])) for byte in zlib.compress(rows)]
    path = tmp_path / "image.png"
    path.write_bytes(
        png(header(SIZE, SIZE), chunk(b"tEXt", b"a\0b"), *pieces, chunk(b"IDAT"), chunk(b"IEND"))
    )
    wanted = np.arange(SIZE * SIZE).reshape(SIZE, SIZE)
    np.testing.assert_array_equal(grey_program.pixels(path)[0, :, :, 0], wanted)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 9, 16])
@pytest.mark.parametrize(("depth", "colour"), [(1, 0), (4, 0), (8, 0), (8, 2), (16, 6)])
def test_interlaced_png_reads_as_pillow_reads_it(
    tmp_path_factory: pytest.TempPathFactory, size: int, depth: int, colour: int
) -> None:
    program = colour_programs(tmp_path_factory, size)
    path = tmp_path_factory.mktemp("interlaced") / "image.png"
    path.write_bytes(interlaced(size, depth=depth, colour=colour))
    with Image.open(path) as image:
        wanted = image.convert("RGB")
    np.testing.assert_array_equal(program.pixels(path)[0], wanted)


PROGRAMS: dict[int, PixelProgram] = {}


def colour_programs(factory: pytest.TempPathFactory, size: int) -> PixelProgram:
    """The program for colour images of a size, built once."""
    if size not in PROGRAMS:
        PROGRAMS[size] = pixel_program(factory.mktemp(f"size{size}"), size=size, channels=3)
    return PROGRAMS[size]


ROWS = bytes(SIZE * (SIZE + 1))
HUGE = header(2**31 - 1, 2**31 - 1)
REFUSED_PNGS = {
    "other size": (png(header(5, 7)), "it is 5x7 pixels, the network reads 6x6"),
    "huge": (png(HUGE), "it is larger than 8192 pixels"),
    "no size": (png(header(0, SIZE)), "the file is corrupt"),
    "unknown interlacing": (png(header(SIZE, SIZE, interlaced=2)), "the file is corrupt"),
    "unknown method": (png(header(SIZE, SIZE, method=1)), "the file is corrupt"),
    "unknown depth": (png(header(SIZE, SIZE, depth=3)), "the file is corrupt"),
    "no data": (png(header(SIZE, SIZE), chunk(b"IEND")), "the file is corrupt"),
    "no end": (grey(ROWS, size=SIZE)[:-12], "the file is cut off"),
    "rows missing": (grey(ROWS[:-1], size=SIZE), "its compressed data is cut off"),
    "rows too many": (grey(ROWS + b"\0", size=SIZE), "it holds more data than its size allows"),
    "unknown filter": (grey(b"\5" + ROWS[1:], size=SIZE), "the file is corrupt"),
    "chunk past the end": (
        png(header(SIZE, SIZE), struct.pack(">I", 2**32 - 1) + b"IDAT" + bytes(8)),
        "the file is cut off",
    ),
    "wrong checksum": (grey(ROWS, size=SIZE)[:-1] + b"\0", "the file is corrupt"),
    "unknown critical chunk": (
        png(header(SIZE, SIZE), chunk(b"WHAT")), "it holds a chunk that this reader does not know"
    ),
    "no palette": (
        png(header(SIZE, SIZE, colour=3), chunk(b"IDAT", zlib.compress(ROWS)), chunk(b"IEND")),
        "the file is corrupt",
    ),
    "palette of nothing": (
        png(header(SIZE, SIZE, colour=3), chunk(b"PLTE")), "the file is corrupt"
    ),
    "palette too short": (
        png(
            header(SIZE, SIZE, colour=3),
            chunk(b"PLTE", bytes(3)),
            chunk(b"IDAT", zlib.compress(ROWS[:-1] + b"\1")),
            chunk(b"IEND"),
        ),
        "the file is corrupt",
    ),
}  # fmt: skip


@pytest.mark.parametrize("largest", [1, 100, 255, 256, 65535])
@pytest.mark.parametrize("kind", PNM_MODES)
def test_pgm_and_ppm_read_as_png_does(
    grey_program: PixelProgram, colour_program: PixelProgram, tmp_path: Path, kind: str,
    largest: int,
) -> None:  # fmt: skip
    shape = (SIZE, SIZE) if PNM_MODES[kind] == "L" else (SIZE, SIZE, 3)
    values = np.random.default_rng(0).integers(0, largest + 1, shape)
    path, same = tmp_path / "image.pnm", tmp_path / "same.png"
    path.write_bytes(pnm(kind, values, largest=largest))
    Image.fromarray(np.floor(values * 255 / largest + 0.5).astype(np.uint8)).save(same)
    for program in (grey_program, colour_program):
        np.testing.assert_array_equal(program.pixels(path), program.pixels(same))


GREY_VALUES = np.arange(SIZE * SIZE).reshape(SIZE, SIZE)
PLAIN, BINARY = pnm("P2", GREY_VALUES), pnm("P5", GREY_VALUES)
TWO_IMAGES = "it holds more than one image; save each in a file of its own"
CUT_OFF, CORRUPT = (f"the file is {how}; copy or save it again" for how in ("cut off", "corrupt"))
REFUSED_PNMS = {
    "other size": (pnm("P5", GREY_VALUES[:5]), "it is 6x5 pixels, the network reads 6x6; scale it"),
    "no size": (b"P5 0 6 255\n", CORRUPT),
    "huge": (b"P5 8193 6 255\n", "it is larger than 8192 pixels; scale it down"),
    "number past every size": (b"P5 99999999999999999999 6 255\n", CORRUPT),
    "negative": (b"P5 -6 6 255\n", CORRUPT),
    "no values": (b"P5 6 6 0\n", CORRUPT),
    "too many values": (b"P5 6 6 65536\n", CORRUPT),
    "header only": (b"P5 6 6 255", CUT_OFF),
    "endless comment": (b"P5 6 # 6 255", CUT_OFF),
    "cut off": (BINARY[:-1], CUT_OFF),
    "cut off in a wide value": (pnm("P5", GREY_VALUES, largest=999)[:-1], CUT_OFF),
    "cut off in text": (PLAIN[:-4], CUT_OFF),
    "another image": (BINARY + BINARY, TWO_IMAGES),
    "another text": (PLAIN + b" 1", TWO_IMAGES),
    "no number": (PLAIN.replace(b" 7 ", b" x "), CORRUPT),
    "value past the largest": (PLAIN.replace(b" 7 ", b" 256 "), CORRUPT),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED_PNMS)
def test_bad_pgm_is_refused_in_one_line(
    grey_program: PixelProgram, tmp_path: Path, case: str
) -> None:
    content, reason = REFUSED_PNMS[case]
    path = tmp_path / "image.pgm"
    path.write_bytes(content)
    assert grey_program.refusal(path) == f"{path}: {reason}"


@pytest.mark.parametrize("case", REFUSED_PNGS)
def test_bad_png_is_refused_in_one_line(
    grey_program: PixelProgram, tmp_path: Path, case: str
) -> None:
    content, reason = REFUSED_PNGS[case]
    path = tmp_path / "image.png"
    path.write_bytes(content)
    assert grey_program.refusal(path).startswith(f"{path}: {reason}")
