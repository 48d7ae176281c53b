"""Every kind of image file that the program reads, and what it says of files it cannot read."""

import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from targets.assemble import RUNTIME

from .png_files import chunk, grey, header, interlaced, png
from .runtime_program import PixelProgram, compile_with_sanitizers, pixel_program

SIZE = 6
HERE = Path(__file__).parent
READERS = ("colour", "inflate", "input", "npy", "png", "pnm", "text")


@pytest.fixture(scope="module")
def grey_program(tmp_path_factory: pytest.TempPathFactory) -> PixelProgram:
    return pixel_program(tmp_path_factory.mktemp("grey"), size=SIZE, channels=1)


@pytest.fixture(scope="module")
def colour_program(tmp_path_factory: pytest.TempPathFactory) -> PixelProgram:
    return pixel_program(tmp_path_factory.mktemp("colour"), size=SIZE, channels=3)


def picture(*, smooth: bool) -> Image.Image:
    """Colours with every awkward value; a smooth picture makes encoders use all filters."""
    if smooth:
        y, x = np.mgrid[:SIZE, :SIZE].astype(np.uint8)
        pixels = np.stack([40 * x, 40 * y, 20 * (x + y), 255 - 30 * x], axis=-1)
    else:
        pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 4), dtype=np.uint8)
    return Image.fromarray(pixels)


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


PNM_MODES = {"P2": "L", "P5": "L", "P3": "RGB", "P6": "RGB"}


def pnm(kind: str, values: NDArray[np.int64], *, largest: int = 255) -> bytes:
    """An image [height, width] or [height, width, 3], with comments where they are allowed."""
    height, width = values.shape[:2]
    start = f"{kind}#by hand\n# {width}\n{width}\t{height} # size\r{largest}\n".encode()
    if kind in ("P2", "P3"):
        return start + " ".join(map(str, values.flat)).encode() + b"\n"
    return start + values.astype("u1" if largest < 256 else ">u2").tobytes()


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


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fuzzer") / "fuzzer"
    sources = [HERE / "runtime_fuzz.c", *(RUNTIME / f"{name}.c" for name in READERS)]
    compile_with_sanitizers(path, *map(str, sources))
    return path


def refused(fuzzer: Path, file: Path) -> tuple[bool, int]:
    """Whether the file is refused as it is, and how many of its damaged copies are."""
    done = subprocess.run([fuzzer, file], check=True, capture_output=True, text=True)
    whole, damaged = done.stdout.split()
    return whole == "1", int(damaged)


def test_no_damaged_png_is_read_outside(fuzzer: Path, tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    picture(smooth=True).convert("RGB").convert("P").save(path)
    whole_is_refused, damaged = refused(fuzzer, path)
    assert not whole_is_refused
    assert damaged > path.stat().st_size  # checksums notice more than truncations


@pytest.mark.parametrize(("depth", "colour"), [(1, 0), (8, 2)])
def test_no_damaged_interlaced_png_is_read_outside(
    fuzzer: Path, tmp_path: Path, depth: int, colour: int
) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(interlaced(SIZE, depth=depth, colour=colour))
    whole_is_refused, damaged = refused(fuzzer, path)
    assert not whole_is_refused
    assert damaged > path.stat().st_size


@pytest.mark.parametrize("kind", PNM_MODES)
@pytest.mark.parametrize("largest", [255, 1000])
def test_no_damaged_pgm_or_ppm_is_read_outside(
    fuzzer: Path, tmp_path: Path, kind: str, largest: int
) -> None:
    values = np.arange(SIZE * SIZE * (1 if PNM_MODES[kind] == "L" else 3))
    path = tmp_path / "image.pnm"
    path.write_bytes(pnm(kind, values.reshape(SIZE, SIZE, -1), largest=largest))
    whole_is_refused, damaged = refused(fuzzer, path)
    assert not whole_is_refused
    assert damaged > path.stat().st_size / 2  # a text may end in the last number


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_no_damaged_array_is_read_outside(
    fuzzer: Path, tmp_path: Path, version: tuple[int, int]
) -> None:
    path = tmp_path / "images.npy"
    with path.open("wb") as file:
        np.lib.format.write_array(file, numbered(2, 6, 6), version=version)
    whole_is_refused, damaged = refused(fuzzer, path)
    assert not whole_is_refused
    assert damaged > 128  # every truncation of the header


STRATEGIES = {
    "dynamic": (9, zlib.Z_DEFAULT_STRATEGY),
    "huffman": (9, zlib.Z_HUFFMAN_ONLY),
    "fixed": (9, zlib.Z_FIXED),
    "stored": (0, zlib.Z_DEFAULT_STRATEGY),
}


@pytest.mark.parametrize("name", STRATEGIES)
def test_no_damaged_stream_is_read_outside(fuzzer: Path, tmp_path: Path, name: str) -> None:
    level, strategy = STRATEGIES[name]
    squeezer = zlib.compressobj(level, strategy=strategy)
    text = np.random.default_rng(1).integers(0, 20, 100, np.uint8).tobytes() * 3 + bytes(3796)
    path = tmp_path / "stream"
    path.write_bytes(squeezer.compress(text) + squeezer.flush())
    whole_is_refused, damaged = refused(fuzzer, path)
    assert not whole_is_refused
    assert damaged > path.stat().st_size


def test_repeats_past_the_end_of_a_code_table_are_refused(fuzzer: Path, tmp_path: Path) -> None:
    # A last dynamic block of 286 + 30 codes; of the codes for lengths only 17 and 18 exist, one
    # bit each; then 18 three times: 3 * 138 zeros. Fields are written lowest bit first.
    fields = [(1, 1), (2, 2), (29, 5), (29, 5), (15, 4), (0, 3), (1, 3), (1, 3), (0, 3 * 16)]
    fields += [(1, 1), (127, 7)] * 3
    text = "".join(f"{value:0{bits}b}"[::-1] for value, bits in fields)
    (tmp_path / "stream").write_bytes(
        b"\x78\x9c" + int(text[::-1], 2).to_bytes(-(-len(text) // 8), "little") + bytes(8)
    )
    assert refused(fuzzer, tmp_path / "stream")[0]


def numbered(*shape: int) -> NDArray[np.uint8]:
    return (np.arange(np.prod(shape)) % 251).astype(np.uint8).reshape(shape)


@pytest.mark.parametrize("shape", [(2, 6, 6, 1), (3, 6, 6), (6, 6, 1), (6, 6), (0, 6, 6, 1)])
def test_arrays_of_these_shapes_are_images(
    grey_program: PixelProgram, tmp_path: Path, shape: tuple[int, ...]
) -> None:
    images = numbered(*shape)
    np.save(tmp_path / "images.npy", images)
    found = grey_program.pixels(tmp_path / "images.npy")
    np.testing.assert_array_equal(found, images.reshape(-1, 6, 6, 1))


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_header_is_read(
    colour_program: PixelProgram, tmp_path: Path, version: tuple[int, int]
) -> None:
    images = numbered(4, 6, 6, 3)
    with (tmp_path / "images.npy").open("wb") as file:
        np.lib.format.write_array(file, images, version=version)
    np.testing.assert_array_equal(colour_program.pixels(tmp_path / "images.npy"), images)


REFUSED_ARRAYS = {
    "float": (np.zeros((6, 6), np.float32), "its array is not uint8"),
    "fortran": (np.asfortranarray(numbered(6, 6)), "its array is in Fortran order"),
    "other size": (numbered(2, 6, 5, 1), "its shape is [2,6,5,1], the network reads [N,6,6,1]"),
    "scalar": (numbered(1)[0], "its shape is [], the network reads [N,6,6,1]"),
    "five axes": (numbered(1, 1, 6, 6, 1), "its shape is none of [N,H,W,C]"),
    "colour": (numbered(2, 6, 6, 3), "its shape is [2,6,6,3], the network reads [N,6,6,1]"),
}


@pytest.mark.parametrize("case", REFUSED_ARRAYS)
def test_other_arrays_are_refused(grey_program: PixelProgram, tmp_path: Path, case: str) -> None:
    array, reason = REFUSED_ARRAYS[case]
    path = tmp_path / "images.npy"
    np.save(path, array)
    assert grey_program.refusal(path).startswith(f"{path}: {reason}")


def test_no_truncated_array_is_read_outside(grey_program: PixelProgram, tmp_path: Path) -> None:
    path = tmp_path / "images.npy"
    np.save(path, numbered(2, 6, 6))
    whole = path.read_bytes()
    for length in [*range(6, 128, 7), 128, 163, 199]:
        path.write_bytes(whole[:length])
        assert "cut off" in (done := grey_program.run(path)).stderr
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)


@pytest.mark.parametrize(
    "header_text",
    ["", "{", "{'descr': '|u1'", "'descr':'|u1','fortran_order':False,'shape':(", "\0" * 40,
     "'descr':'|u1','fortran_order':False,'shape':(99999999999999999999999,)",
     "'descr':'|u1','fortran_order':False,'shape':(6 6)",
     "'descr':'|u1','fortran_order':False,'shape':(-6,6)"],
)  # fmt: skip
def test_bad_array_header_is_refused(
    grey_program: PixelProgram, tmp_path: Path, header_text: str
) -> None:
    path = tmp_path / "images.npy"
    size = struct.pack("<H", len(header_text))
    path.write_bytes(b"\x93NUMPY\1\0" + size + header_text.encode() + bytes(36))
    assert grey_program.refusal(path).startswith(f"{path}: its ")


def test_raw_files_hold_image_after_image(colour_program: PixelProgram, tmp_path: Path) -> None:
    images = numbered(3, 6, 6, 3)
    path = tmp_path / "images.raw"
    path.write_bytes(images.tobytes())
    np.testing.assert_array_equal(colour_program.pixels("--shape", "6,6,3", path), images)
    assert "it is neither .npy, PNG, PGM nor PPM; for raw pixels give --shape 6,6,3" in (
        colour_program.refusal(path)
    )
    path.write_bytes(images.tobytes()[:-1])
    reason = "its 323 bytes are no multiple of an image's 108; give whole images"
    assert colour_program.refusal("--shape", "6,6,3", path) == f"{path}: {reason}"


def test_folders_give_their_images_by_name(grey_program: PixelProgram, tmp_path: Path) -> None:
    for name, value in (("b.png", 3), ("a.PNG", 1), ("z.txt", 9)):
        Image.new("L", (SIZE, SIZE), value).save(tmp_path / name, format="png")
    Image.new("L", (SIZE, SIZE), 2).save(tmp_path / "aa.pgm")
    np.save(tmp_path / "c.npy", np.full((2, SIZE, SIZE), 4, np.uint8))
    (tmp_path / "d.raw").write_bytes(bytes([5] * SIZE * SIZE))
    found = grey_program.pixels("--shape", "6,6,1", tmp_path)
    assert found[:, 0, 0, 0].tolist() == [1, 2, 3, 4, 4, 5]
    assert grey_program.run(tmp_path).stderr.endswith("for raw pixels give --shape 6,6,1\n")
    (tmp_path / "empty").mkdir()
    reason = "the folder holds no .png, .pgm, .ppm, .npy or .raw files; give one that does"
    assert grey_program.refusal(tmp_path / "empty") == f"{tmp_path}/empty: {reason}"


def test_what_is_no_file_is_named(grey_program: PixelProgram, tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    assert grey_program.refusal(tmp_path) == f"{tmp_path}/folder.png: Is a directory"
    (tmp_path / "empty").touch()
    assert grey_program.refusal(tmp_path / "empty") == f"{tmp_path}/empty: it is empty; give images"


def test_missing_files_are_named(grey_program: PixelProgram, tmp_path: Path) -> None:
    missing = tmp_path / "none.png"
    assert grey_program.refusal(missing) == f"{missing}: No such file or directory"


def streamed(program: PixelProgram, content: bytes, *words: str) -> list[int]:
    """The first pixel of each image on standard input, by - and by the name of its device."""
    found = []
    for name in ("-", "/dev/stdin"):
        answer = program.path.parent / "streamed.npy"
        command = [str(program.path), name, *words, "--logits", str(answer)]
        done = subprocess.run(command, input=content, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        found.append(np.load(answer)[:, 0].tolist())
    assert found[0] == found[1]
    return [int(value) for value in found[0]]


def test_streams_are_read_by_their_content(grey_program: PixelProgram, tmp_path: Path) -> None:
    images = np.stack([np.full((SIZE, SIZE), value, np.uint8) for value in (3, 4)])
    for name in ("image.png", "image.pgm"):
        Image.fromarray(images[0]).save(tmp_path / name)
        assert streamed(grey_program, (tmp_path / name).read_bytes()) == [3]
    np.save(tmp_path / "images.npy", images)
    assert streamed(grey_program, (tmp_path / "images.npy").read_bytes()) == [3, 4]
    assert streamed(grey_program, images.tobytes(), "--shape", "6,6,1") == [3, 4]


@pytest.mark.parametrize(
    ("content", "words", "reason"),
    [
        (b"", (), "-: it is empty; give images"),
        (b"GIF89a", (), "-: it is neither .npy, PNG, PGM nor PPM; for raw pixels give --shape"),
        (bytes(40), ("--shape", "6,6,1"), "-: it ends within image 1, which takes 36 bytes; send"),
        (BINARY[:-1], (), "-: the file is cut off; copy or save it again"),
    ],
)
def test_bad_streams_are_refused(
    grey_program: PixelProgram, content: bytes, words: tuple[str, ...], reason: str
) -> None:
    done = subprocess.run(
        [str(grey_program.path), "-", *words], input=content, capture_output=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.decode().startswith(f"pixels: {reason}")
    assert done.stderr.count(b"\n") == 1


def test_large_streams_are_read_to_their_end(grey_program: PixelProgram) -> None:
    comments = b"#" * 200_000 + b"\n"
    assert streamed(grey_program, BINARY.replace(b"P5", b"P5" + comments, 1)) == [0]
