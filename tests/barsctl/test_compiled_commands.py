"""inspect, verify and run on what compile left."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from targets.boards import AARCH64, CORTEX_M4F
from targets.errors import TargetError
from targets.host import host_target, runs_here
from targets.manifest import FILE, extend_manifest, file_fields, read_manifest
from targets.measuring.place import parse_place
from targets.runners.board import BoardProgram
from targets.runners.program import NotRunnable
from targets.runners.runner import runner_at
from tests.barsctl.command_line import CommandLine
from tests.barsctl.tiny_packages import TAMPERED, tamper, train_tiny
from tests.targets.agent.agent_process import built_board, running_agent

DATA = Path(__file__).parent.parent / "data"
FROZEN = "frozen.safetensors"
needs_qemu = pytest.mark.skipif(
    runs_here(AARCH64) or shutil.which("qemu-aarch64") is None, reason="no qemu-aarch64"
)


@pytest.fixture
def barsctl(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(monkeypatch, capsys)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was compiled for this machine and for ARM."""
    run = train_tiny(tmp_path_factory.mktemp("compiled"))
    words = ("compile", run, "--target", "host", "--target", "aarch64", "--name", "tiny")
    process("-m", "barsctl", *words).check_returncode()
    return run


@pytest.fixture
def run(compiled: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    shutil.copytree(compiled, tmp_path / "run")
    return tmp_path / "run"


def process(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


SOURCES = {".h", ".c", ".py", ".pc", ".cmake", ".txt"}


def test_every_file_of_a_run_is_known(barsctl: CommandLine, compiled: Path) -> None:
    found = json.loads(barsctl("inspect", compiled, "--json").out)
    assert found["kind"] == "folder of a training"
    ours = {
        str(path.relative_to(compiled)) for path in compiled.rglob("*")
        if path.is_file() and path.suffix not in SOURCES and path.parent.name != "tensorboard"
        and not path.name.startswith(".")
    }  # fmt: skip
    assert set(found["files"]) == ours
    assert found["files"]["compiled/aarch64/tiny"] == "static program"
    package = json.loads(barsctl("inspect", compiled / "compiled", "--json").out)
    assert package["files"]["host/libtiny.so"] == "shared library"


@needs_qemu
def test_untouched_package_is_verified(barsctl: CommandLine, compiled: Path) -> None:
    manifest = (compiled / "compiled" / "host" / FILE).read_bytes()
    answer = barsctl("verify", compiled / "compiled", "--json")
    assert answer.exit_code == 0
    found = json.loads(answer.out)
    # frozen.safetensors and model.onnx; per target program, .a, .so and six files of source.
    assert found["files"] == 2 + 2 * 9
    assert found["onnx"]["result"] == "equal"
    assert found["targets"]["host"]["result"] == found["targets"]["aarch64"]["result"] == "equal"
    assert found["targets"]["aarch64"]["emulated"] is not runs_here(AARCH64)
    assert (compiled / "compiled" / "host" / FILE).read_bytes() == manifest


def test_one_program_is_verified_with_a_run(
    barsctl: CommandLine, run: Path, tmp_path: Path
) -> None:
    moved = (run / "compiled").rename(tmp_path / "elsewhere")
    program = moved / "host" / "tiny"
    answer = barsctl("verify", program)
    assert answer.exit_code == 1
    assert "name the one that it was compiled from with --run" in answer.err
    answer = barsctl("verify", program, "--run", run, "--images", "3")
    assert answer.exit_code == 0
    assert answer.out.splitlines()[-1] == "host: every logit of 3 images is equal"


def test_changed_and_missing_files_are_named(barsctl: CommandLine, run: Path) -> None:
    package = run / "compiled"
    tamper(package)
    (package / "host" / "tiny.h").unlink()
    answer = barsctl("verify", package / "host")
    assert answer.exit_code == 1
    assert f"{package / FROZEN} has the SHA-256 " in answer.err
    assert f"{package / 'host' / 'tiny.h'} is missing" in answer.err
    # The change is seen from either target.
    assert f"as {package / 'aarch64' / FILE} says" in barsctl("verify", package).err


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A board: our agent, here."""
    with running_agent(built_board("host", tmp_path_factory.getbasetemp())) as agent:
        yield f"rpc://127.0.0.1:{agent.port}"


def test_programs_are_verified_on_a_board(barsctl: CommandLine, compiled: Path, place: str) -> None:
    answer = barsctl("verify", compiled / "compiled", "--on", place, "--images", "5")
    assert answer.exit_code == 0
    assert f"host: every logit of 5 images is equal on {place}" in answer.out
    assert f"warning: aarch64 was not verified: tiny is for aarch64, {place} is" in answer.err


def test_layer_that_differs_on_a_board_is_named(
    barsctl: CommandLine, run: Path, place: str
) -> None:
    tamper(run / "compiled")
    accept_network(run / "compiled")
    answer = barsctl("verify", run / "compiled" / "host", "--on", place, "--json")
    assert answer.exit_code == 4
    found = json.loads(answer.out)
    assert (found["on"], found["targets"]["host"]["result"]) == (place, "different")
    assert f"first difference: {TAMPERED}.inner" in answer.err.splitlines()[-1]


def test_program_that_fails_on_a_board_is_told(run: Path, place: str) -> None:
    folder = run / "compiled" / "host"
    found = runner_at(parse_place(place), notify=print).program(folder / "tiny", host_target())
    assert isinstance(found, BoardProgram)
    with pytest.raises(TargetError, match=rf"tiny on {place} failed \(exit 1\): .*shape"):
        found.logits(np.zeros((1, 9, 9, 1), np.uint8))
    (folder / "tiny").write_text("#!/bin/sh\nkill -ILL $$\n")
    with pytest.raises(TargetError, match=r"failed \(SIGILL\): it said nothing"):
        found.logits(np.zeros((1, 8, 8, 1), np.uint8))


def test_firmware_is_not_sent_to_a_system(run: Path, place: str) -> None:
    program = run / "compiled" / "host" / "tiny"
    assert runner_at(parse_place(place), notify=print).program(program, CORTEX_M4F) == NotRunnable(
        "tiny is for a board without an operating system"
    )


@pytest.mark.parametrize(
    ("target", "on", "exit_code", "message"),
    [
        ("aarch64", "local", 1, "no program was run on local: tiny is for aarch64"),
        ("host", "emulated", 1, "no program was run on emulated: target host names no emulator"),
        ("host", "modelled", 1, "a model of a core computes nothing; take local"),
        ("host", "rpc://127.0.0.1:1", 1, "rpc://127.0.0.1:1 cannot be reached"),
        ("host", "board", 2, "place 'board': write one of"),
    ],
)
def test_places_that_run_nothing_are_told(
    target: str, on: str, exit_code: int, message: str, barsctl: CommandLine, compiled: Path
) -> None:
    answer = barsctl("verify", compiled / "compiled" / target, "--images", "1", "--on", on)
    assert answer.exit_code == exit_code
    assert message in " ".join(answer.err.replace("│", "").split())


def accept_network(package: Path) -> None:
    """Let the host's manifest tell of the frozen network that lies there."""
    network = read_manifest(package / "host")["network"] | {FROZEN: file_fields(package / FROZEN)}
    extend_manifest(package / "host", network=network)


def test_first_layer_that_differs_exits_four(barsctl: CommandLine, run: Path) -> None:
    package = run / "compiled"
    tamper(package)
    accept_network(package)
    answer = barsctl("verify", package / "host")
    assert answer.exit_code == 4
    assert f"first difference: {TAMPERED}.inner" in answer.err.splitlines()[-1]


def test_other_runs_package_is_refused(barsctl: CommandLine, run: Path) -> None:
    package = run / "compiled"
    shutil.copy(DATA / "frozen-1.safetensors", package / FROZEN)
    accept_network(package)
    answer = barsctl("verify", package / "host")
    assert answer.exit_code == 1
    assert "is another network than the run's" in answer.err


def test_program_has_its_own_words_and_exit(compiled: Path, tmp_path: Path) -> None:
    program = compiled / "compiled" / "host" / "tiny"
    np.save(tmp_path / "image.npy", np.zeros((8, 8, 1), np.uint8))
    words = ("--top", "3", tmp_path / "image.npy")
    direct = subprocess.run([program, *words], capture_output=True, text=True, check=True)
    through = process("-m", "barsctl", "run", program, *words)
    assert (through.returncode, through.stdout) == (0, direct.stdout)
    assert "usage: tiny" in process("-m", "barsctl", "run", program, "--help").stdout
    assert process("-m", "barsctl", "run", program, "--no-such").returncode == 2


@needs_qemu
@pytest.mark.parametrize("has_manifest", [True, False])
def test_other_machines_program_is_emulated(run: Path, *, has_manifest: bool) -> None:
    program = run / "compiled" / "aarch64" / "tiny"
    if not has_manifest:
        (program.parent / FILE).unlink()
    refused = process("-m", "barsctl", "run", program, "--bench", "2")
    assert refused.returncode == 1
    assert "is for aarch64" in refused.stderr
    assert "add --emulate" in refused.stderr
    emulated = process("-m", "barsctl", "run", program, "--emulate", "--bench", "2")
    assert emulated.returncode == 0
    assert emulated.stdout.startswith("2 runs: median")


@pytest.mark.skipif(runs_here(AARCH64), reason="ARM runs here")
def test_missing_emulator_is_told(
    barsctl: CommandLine, compiled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    answer = barsctl("run", compiled / "compiled" / "aarch64" / "tiny", "--emulate")
    assert answer.exit_code == 1
    assert "qemu-aarch64 is not installed; on Debian: apt install qemu-user" in answer.err


@pytest.mark.parametrize("file", [sys.executable, os.devnull, "host/libtiny.so", FROZEN])
def test_what_is_no_program_does_not_run(barsctl: CommandLine, compiled: Path, file: str) -> None:
    answer = barsctl("run", compiled / "compiled" / file)
    assert answer.exit_code == 1
    assert len(answer.err.splitlines()) == 1
    assert "give a" in answer.err
