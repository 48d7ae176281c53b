"""Where the program finds images: arrays, raw files, folders and streams."""

import os
import struct
import subprocess
import tty
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .image_files import SIZE, numbered, pnm
from .runtime_program import PixelProgram

BINARY = pnm("P5", np.arange(SIZE * SIZE).reshape(SIZE, SIZE))


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


@pytest.mark.parametrize("images", [0, 2])
def test_stream_that_fails_is_no_end(grey_program: PixelProgram, images: int) -> None:
    """A terminal fails once its other side is gone."""
    stream, other_side = os.openpty()
    tty.setraw(other_side)
    os.write(other_side, bytes(36) * images)
    os.close(other_side)
    command = [str(grey_program.path), "-", "--shape", "6,6,1"]
    done = subprocess.run(command, stdin=stream, capture_output=True, check=False)
    os.close(stream)
    assert (done.returncode, done.stderr) == (1, b"pixels: -: Input/output error\n")
    assert done.stdout.count(b"\n") == images
