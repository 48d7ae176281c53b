"""What the program prints, writes and answers to wrong words."""

import fcntl
import json
import os
import re
import shutil
import subprocess
import termios
from pathlib import Path

import numpy as np
import pytest

from tests.targets.agent.rpc_clients import happens

from .runtime_program import PixelProgram, pixel_program


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> PixelProgram:
    """Four classes, each the value of a pixel."""
    return pixel_program(tmp_path_factory.mktemp("program"), size=2, channels=1)


@pytest.fixture(scope="module")
def team_program(tmp_path_factory: pytest.TempPathFactory) -> PixelProgram:
    """The same for up to five threads."""
    folder = tmp_path_factory.mktemp("team")
    return pixel_program(folder, size=2, channels=1, threads=5)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    path = tmp_path / "images.npy"
    np.save(path, np.array([[[1, 2], [3, 4]], [[7, 7], [0, 7]]], np.uint8))
    return path


def test_best_classes_print_first_and_ties_in_order(program: PixelProgram, images: Path) -> None:
    lines = program.run(images, "--top", "3", "--json").stdout.splitlines()
    found = [json.loads(line) for line in lines]
    assert [answer["image"] for answer in found] == [f"{images}[0]", f"{images}[1]"]
    assert [[best["index"] for best in answer["top"]] for answer in found] == [[3, 2, 1], [0, 1, 3]]
    assert found[0]["top"][0] == {"class": 'a "class"', "index": 3, "logit": 4}
    assert [(each["file"], each["label"]) for each in found] == [(str(images), 'a "class"')] * 2


def test_answers_print_as_text(program: PixelProgram, images: Path) -> None:
    expected = f'{images}[0]: a "class" 4, a "class" 3\n{images}[1]: a "class" 7, a "class" 7\n'
    assert program.run(images, "--top", "2").stdout == expected


def test_failed_reading_leaves_no_logits(
    program: PixelProgram, images: Path, tmp_path: Path
) -> None:
    answer = tmp_path / "logits.npy"
    message = program.refusal(images, tmp_path / "missing.png", "--logits", answer)
    assert message == f"{tmp_path}/missing.png: No such file or directory"
    assert [path.name for path in tmp_path.iterdir()] == ["images.npy"]


def test_unwritable_logits_are_named(program: PixelProgram, images: Path, tmp_path: Path) -> None:
    answer = tmp_path / "none" / "logits.npy"
    assert program.refusal(images, "--logits", answer) == (
        f"{answer}.part: No such file or directory"
    )


def test_trace_writes_every_output_of_one_image(
    program: PixelProgram, images: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "one.npy", np.array([[40, 2], [3, 4]], np.uint8))
    folder = tmp_path / "trace"
    assert program.run(tmp_path / "one.npy", "--trace", folder).returncode == 0
    found = {path.name: np.load(path) for path in folder.iterdir()}
    assert found.keys() == {"000.node.first.npy", "000.node.second.npy"}
    np.testing.assert_array_equal(found["000.node.first.npy"], np.array([40, -1], np.int16))
    np.testing.assert_array_equal(found["000.node.second.npy"], np.array([[7, 9]], np.uint8))
    assert program.refusal(images, "--trace", folder) == (
        f"{images}[1]: a second image; --trace takes one"
    )


def test_benchmark_orders_its_percentiles(program: PixelProgram, images: Path) -> None:
    for words in ((), (images,)):
        found = json.loads(program.run("--bench", "30", "--json", *words).stdout)
        assert found["runs"] == 30
        assert 0 <= found["p10_ms"] <= found["median_ms"] <= found["p90_ms"]


@pytest.mark.parametrize("which", ["program", "team_program"])
def test_layers_share_the_time_of_a_run(which: str, request: pytest.FixtureRequest) -> None:
    program: PixelProgram = request.getfixturevalue(which)
    found = json.loads(program.run("--bench", "30", "--layers", "--json").stdout)
    assert found["runs"] == 30
    assert 0 <= found["p10_ms"] <= found["median_ms"] <= found["p90_ms"]
    assert [layer["name"] for layer in found["layers"]] == ["node", 'last "one"']
    assert sum(layer["share"] for layer in found["layers"]) == pytest.approx(1, abs=1e-3)
    assert all(layer["median_ms"] >= 0 for layer in found["layers"])


def test_layers_print_as_text(program: PixelProgram) -> None:
    total, *layers = program.run("--bench", "30", "--layers").stdout.splitlines()
    assert re.fullmatch(r"30 runs: median [\d.]+ ms, p10 [\d.]+ ms, p90 [\d.]+ ms", total)
    for line, name in zip(layers, ("node", 'last "one"'), strict=True):
        assert re.fullmatch(rf" +\d+\.\d{{5}} ms +\d+\.\d%  {name}", line)


ABOUT = """\
pixels for host, compiled by barsctl 1.2.3
build 0123456789abcdef, kernels fedcba9876543210
accuracy 87.50% of 8 test images
"""


def test_version_tells_what_the_program_is(program: PixelProgram, tmp_path: Path) -> None:
    assert program.run("--version").stdout == ABOUT
    assert json.loads(program.run("--version", "--json").stdout) == {
        "name": "pixels",
        "target": "host",
        "build_hash": "0123456789abcdef",
        "kernel_hash": "fedcba9876543210",
        "barsctl_version": "1.2.3",
        "accuracy": 0.875,
        "test_images": 8,
    }
    untested = pixel_program(tmp_path, size=2, channels=1, tested=0)
    assert untested.run("--version").stdout.splitlines()[-1] == "accuracy not measured"
    assert json.loads(untested.run("--version", "--json").stdout)["accuracy"] is None


def test_failing_kernels_end_the_program(program: PixelProgram, tmp_path: Path) -> None:
    np.save(tmp_path / "bad.npy", np.array([[13, 0], [0, 0]], np.uint8))
    for words in ((), ("--bench", "2"), ("--bench", "2", "--layers")):
        found = program.refusal(tmp_path / "bad.npy", *words)
        assert found == "a kernel failed with status 5"


def test_threads_race_for_nothing(tmp_path: Path) -> None:
    program = pixel_program(
        tmp_path, size=2, channels=1, threads=4, sanitizers=("-g", "-O1", "-fsanitize=thread")
    )
    for threads in ("2", "4"):
        done = program.run("--bench", "300", "--threads", threads)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("threads", ["1", "2", "5"])
def test_threads_share_every_run(
    team_program: PixelProgram, images: Path, tmp_path: Path, threads: str
) -> None:
    np.testing.assert_array_equal(
        team_program.pixels("--threads", threads, images)[..., 0], np.load(images)
    )
    assert team_program.run("--threads", threads, "--bench", "500").returncode == 0
    np.save(tmp_path / "bad.npy", np.array([[13, 0], [0, 0]], np.uint8))
    found = team_program.refusal("--threads", threads, tmp_path / "bad.npy")
    assert found == "a kernel failed with status 5"


def sleeps_on_one_core(program: PixelProgram, *words: str) -> int:
    """How often threads of the program gave their core away to wait."""
    core = str(min(os.sched_getaffinity(0)))
    process = subprocess.Popen(
        ["taskset", "-c", core, program.path, *words], stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_nvcsw


@pytest.mark.skipif(shutil.which("taskset") is None, reason="no taskset")
def test_threads_of_one_core_sleep_rather_than_spin(team_program: PixelProgram) -> None:
    """Each run has three meetings: at its end, too, one of the two waits."""
    assert sleeps_on_one_core(team_program, "--bench", "500", "--threads", "2") >= 500
    assert sleeps_on_one_core(team_program, "--bench", "500") < 100


def test_threads_that_share_nothing_do_not_start(tmp_path: Path, images: Path) -> None:
    program = pixel_program(tmp_path, size=2, channels=1, threads=5, shared=0)
    np.testing.assert_array_equal(program.pixels("--threads", "5", images)[..., 0], np.load(images))


def test_layers_are_of_one_thread(team_program: PixelProgram) -> None:
    words = ("--bench", "3", "--layers", "--threads")
    assert team_program.run(*words, "1").returncode == 0
    assert team_program.misuse(*words, "2") == "--layers times one thread; leave out --threads"


def test_traces_are_of_one_thread(team_program: PixelProgram, tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.array([[40, 2], [3, 4]], np.uint8))
    assert team_program.run(tmp_path / "one.npy", "--trace", tmp_path / "trace").returncode == 0


def test_other_kernels_can_be_chosen(program: PixelProgram, images: Path) -> None:
    best, slow = (program.pixels("--kernels", name, images) for name in ("fast", "slow"))
    np.testing.assert_array_equal(best[..., 0], np.load(images))
    np.testing.assert_array_equal(slow, best + 1)


def test_kernels_that_the_processor_lacks_are_refused(program: PixelProgram, images: Path) -> None:
    found = program.refusal("--kernels", "alien", images)
    reason = "this processor has not their instructions"
    assert found == f"--kernels alien: {reason}; leave it out for the best that it runs"


def test_processors_without_kernels_are_told(program: PixelProgram, tmp_path: Path) -> None:
    np.save(tmp_path / "old.npy", np.array([[14, 0], [0, 0]], np.uint8))
    assert program.refusal(tmp_path / "old.npy").startswith("this processor has not the instr")


def test_words_after_two_dashes_are_files(program: PixelProgram) -> None:
    assert program.refusal("--", "--json") == "--json: No such file or directory"


def test_help_tells_what_the_network_reads(program: PixelProgram) -> None:
    done = program.run("--help")
    assert done.returncode == 0
    assert "images of 2x2 pixels with 1 channel into 4 classes" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give images to classify; --help tells how"),
        (("--top", "0", "x"), "--top 0: give a number from 1 to 4"),
        (("--top", "5", "x"), "--top 5: give a number from 1 to 4"),
        (("--top", "2x", "x"), "--top 2x: give a number from 1 to 4"),
        (("--bench", "99999999999999999999"), "--bench 99999999999999999999: give a number from"),
        (("x", "--logits"), "--logits: it needs a value"),
        (("--threads", "2", "x"), "--threads 2: give a number from 1 to 1, or compile"),
        (("--kernels", "z80", "x"), "--kernels z80: the program has none for it; --help lists"),
        (("--what", "x"), "--what: no such option; --help lists them"),
        (("--shape", "3,3,1", "x"), "--shape 3,3,1: the network reads 2,2,1"),
        (("--layers", "x"), "--layers times the layers of a benchmark; give --bench RUNS too"),
        (("--bench", "3", "--trace", "t"), "--bench writes no files; leave out"),
        (("--logits", "l", "--trace", "t", "x"), "--trace writes the logits too; leave out"),
    ],
)
def test_wrong_words_are_named(program: PixelProgram, words: tuple[str, ...], message: str) -> None:
    assert program.misuse(*words).startswith(message)


@pytest.mark.parametrize("word", ["images", "--version", "--help"])
def test_full_disks_are_noticed(program: PixelProgram, images: Path, word: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [str(program.path), str(images) if word == "images" else word],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (
        1,
        b"pixels: standard output: No space left on device\n",
    )


def test_text_that_was_lost_on_the_way_is_noticed(program: PixelProgram) -> None:
    """A pipe that does not wait is full for a while, and then has room again."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    full = fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    command = [str(program.path), "-", "--shape", "2,2,1"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=write, stderr=subprocess.PIPE
    ) as running:
        os.close(write)
        assert running.stdin is not None
        assert running.stderr is not None
        for _ in range(8):  # each writes a buffer of 4096 bytes, of which the first alone has room
            running.stdin.write(bytes(4) * 1024)
            running.stdin.flush()
        stream, left = running.stdin, bytearray(4)

        def all_is_read() -> bool:
            fcntl.ioctl(stream, termios.FIONREAD, left)
            return not any(left)

        assert happens(all_is_read)
        assert len(os.read(read, full)) == full
        running.stdin.close()
        while os.read(read, full):
            pass
        said = running.stderr.read()
    os.close(read)
    assert (running.returncode, said.decode()) == (
        1,
        "pixels: standard output: a part of it was not written; run it again\n",
    )
