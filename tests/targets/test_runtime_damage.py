"""Damaged files of every kind: refused or read, never a byte outside of them."""

import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest

from targets.assemble import RUNTIME

from .image_files import PNM_MODES, SIZE, numbered, picture, pnm
from .png_files import interlaced
from .runtime_program import compile_with_sanitizers

HERE = Path(__file__).parent
READERS = ("colour", "inflate", "input", "npy", "png", "pnm", "text")


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
