import os
import platform
import socket
import subprocess
import tarfile
from importlib.metadata import distribution, version
from pathlib import Path
from zipfile import ZipFile

import pytest

from targets.agent import build
from targets.agent.build import PROGRAM
from targets.agent.wheels import LIBRARIES, runtime_libraries
from targets.boards import ARMV7
from targets.catalog import named_target
from targets.elf import elf_machine
from targets.errors import TargetError
from tests.barsctl.command_line import CommandLine

from .agent_process import Board, built_board, quiet

OTHER = "aarch64" if platform.machine() == "x86_64" else "x86_64"


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    return built_board("host", tmp_path_factory.getbasetemp())


@pytest.fixture
def barsctl(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(monkeypatch, capsys)


def wheel_name(name: str, machine: str) -> str:
    tag = f"py3-none-manylinux_2_27_{machine}.manylinux_2_28_{machine}"
    return f"{name.replace('-', '_')}-{version(name)}-{tag}.whl"


def write_wheels(folder: Path, machine: str) -> None:
    """What the agent takes of TVM's wheels, in archives of their names."""
    for name, inside in LIBRARIES.items():
        with ZipFile(folder / wheel_name(name, machine), "w") as wheel:
            wheel.write(Path(str(distribution(name).locate_file(inside))), inside)


def run(board: Board, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [board.agent, *words], check=False, capture_output=True, text=True, timeout=20
    )


def test_command_leaves_a_folder_and_its_archive(barsctl: CommandLine, tmp_path: Path) -> None:
    write_wheels(tmp_path, platform.machine())
    folder = tmp_path / "agent"
    answer = barsctl(
        "agent", "build", "--target", "host", "--wheels", tmp_path, "--out", folder
    )  # fmt: skip
    assert answer.exit_code == 0
    assert str(folder) in answer.out
    names = {"barsctl-agent", "libtvm_runtime.so", "libtvm_ffi.so", "README.txt"}
    assert {path.name for path in folder.iterdir()} == names
    assert elf_machine(folder / "barsctl-agent") == platform.machine()
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    subprocess.run(["tar", "-xzf", tmp_path / "agent.tar.gz", "-C", unpacked], check=True)
    for name in names:
        copy = unpacked / "agent" / name
        assert copy.read_bytes() == (folder / name).read_bytes()
        assert os.access(copy, os.X_OK) == (name != "README.txt")


def test_archive_lies_beside_the_folder_that_one_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wheels(tmp_path, platform.machine())
    folder = tmp_path / "agent"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(build, "run_zig", lambda *_, **more: (more["folder"] / PROGRAM).touch())
    files = build.build_agent(named_target("host"), Path(), wheels=tmp_path, notify=quiet)
    assert (files.folder, files.archive) == (folder, tmp_path / "agent.tar.gz")
    with tarfile.open(files.archive) as archive:
        assert f"agent/{PROGRAM}" in archive.getnames()


def test_files_of_others_are_not_replaced(tmp_path: Path) -> None:
    def build_at(folder: Path) -> None:
        build.build_agent(named_target("host"), folder, wheels=tmp_path, notify=quiet)

    archive, folder = tmp_path / "photos.tar.gz", tmp_path / "photos"
    archive.write_text("mine")
    with pytest.raises(TargetError, match=r"photos\.tar\.gz is there and no agent beside it; .*"):
        build_at(folder)
    archive.unlink()
    folder.mkdir()
    (folder / "README.txt").write_text("mine")
    with pytest.raises(TargetError, match=r"photos is not empty; .* choose another --out"):
        build_at(folder)
    with pytest.raises(TargetError, match=r"README\.txt is a file; .* choose another --out"):
        build_at(folder / "README.txt")
    assert [each.read_text() for each in folder.iterdir()] == ["mine"]


def test_agent_needs_only_what_lies_beside_it(board: Board) -> None:
    done = run(board, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: barsctl-agent")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--port", "65536"], "no port from 0 to 65535"),
        (["--port", "-1"], "no port from 0 to 65535"),
        (["--core", "1023"], "no core that the agent may use"),
        (["--core", "first"], "no core that the agent may use"),
        (["--tracker", "host", "--key", "rpi4"], "not HOST:PORT"),
        (
            ["--tracker", "::1:9190", "--key", "rpi4"],
            r"--tracker ::1:9190 is not HOST:PORT or [IPV6",
        ),
        (["--tracker", "[::1]:9190"], "need each other"),
        (["--tracker", "host:9190", "--key", 'a"b'], "letters, digits"),
        (["--tracker", "host:9190"], "need each other"),
        (["--key", "rpi4"], "need each other"),
        (["--quick"], "unrecognized option"),
        (["--core"], "requires an argument"),
        (["here"], "'here' is no option"),
    ],
)
def test_wrong_options_exit_two_with_one_line(board: Board, words: list[str], reason: str) -> None:
    done = run(board, *words)
    assert done.returncode == 2
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_port_in_use_is_told(board: Board) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(board, "--host", "127.0.0.1", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "Address already in use" in done.stderr


def test_machine_without_wheels_is_refused(barsctl: CommandLine) -> None:
    answer = barsctl("agent", "build", "--target", "armv7")
    assert answer.exit_code == 1
    assert answer.err == (
        f"barsctl: TVM has no library for {ARMV7.machine}, only for aarch64 and x86_64; "
        "use --on emulated or modelled for this target\n"
    )


@pytest.mark.parametrize("machine", ["aarch64", "x86_64"])
def test_missing_wheel_names_the_command_that_gets_it(tmp_path: Path, machine: str) -> None:
    command = rf"has no apache_tvm-.*python -m pip download .* manylinux_2_28_{machine} --dest"
    with pytest.raises(TargetError, match=command):
        runtime_libraries(machine, wheels=tmp_path, notify=quiet)


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_torn_wheel_is_told(tmp_path: Path, content: bytes) -> None:
    for name in LIBRARIES:
        (tmp_path / wheel_name(name, OTHER)).write_bytes(content)
    with pytest.raises(TargetError, match=r"\.whl: .*; download it again"):
        runtime_libraries(OTHER, wheels=tmp_path, notify=quiet)


def test_missing_network_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(TargetError, match=r"could not be downloaded: .*--wheels$"):
        runtime_libraries(OTHER, wheels=None, notify=quiet)
