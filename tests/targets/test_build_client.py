"""The processes that build kernels: one request's crash, silence or end is its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from space.blocks import Block, Conv, Epilogue, Sum
from targets import build_client
from targets.boards import ARMV7, X86_64_V3
from targets.build import object_file
from targets.build_client import BuildServer
from targets.build_request import BuildRequest, TiledKernel, request_to_json
from targets.kernel_specs import kernel_specs
from targets.target import Target
from targets.vector_unit import AVX512
from tests.targets.agent.rpc_clients import happens

CONV = Conv(3, 8, 3, 1, 4, True, Epilogue())
SUM = Sum(8, 2, Epilogue(shortcuts=2, inner_signs=1))


@pytest.fixture
def server() -> Iterator[BuildServer]:
    server = BuildServer()
    yield server
    if server.is_alive():
        server.stop()


def request_file(folder: Path, block: Block, target: Target) -> Path:
    request = BuildRequest(target, (TiledKernel(block, None),), str(folder / "kernels.o"))
    (folder / "request.json").write_text(request_to_json(request))
    return folder / "request.json"


def children(pid: int) -> list[int]:
    """Processes that one has started and that still run."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(each) for each in found if runs(int(each))]


def runs(pid: int) -> bool:
    path = Path(f"/proc/{pid}/cmdline")
    return path.exists() and path.read_bytes() != b""  # a zombie's is empty


def test_crash_costs_one_request_alone(server: BuildServer, tmp_path: Path) -> None:
    lying = request_file(tmp_path, CONV, replace(X86_64_V3, vector_unit=AVX512))
    done = server.done(lying, deadline_s=60)
    assert done.returncode == -signal.SIGABRT
    assert "LLVM ERROR" in done.stderr
    done = server.done(request_file(tmp_path, SUM, ARMV7), deadline_s=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "kernels.o").read_bytes().startswith(b"\x7fELF")
    # One that had more would lose them, and what they hold, in its forks.
    assert "\nThreads:\t1\n" in Path(f"/proc/{server.pid}/status").read_text()


def test_nonsense_is_told_with_its_traceback(server: BuildServer, tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text("{}")
    done = server.done(tmp_path / "request.json", deadline_s=60)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "Field required" in done.stderr


def test_hanging_request_dies_with_its_server(server: BuildServer, tmp_path: Path) -> None:
    assert server.done(tmp_path / "missing.json", deadline_s=60).returncode == 1
    os.mkfifo(tmp_path / "request.json")  # nobody writes to it
    with pytest.raises(subprocess.TimeoutExpired):
        server.done(tmp_path / "request.json", deadline_s=0.1)
    assert happens(lambda: children(server.pid))
    (fork,) = children(server.pid)
    server.stop()
    assert happens(lambda: not runs(fork))


def test_server_ends_with_who_started_it() -> None:
    """Also where that one was killed, and could stop nothing."""
    code = (
        "import os; from targets.build_client import BuildServer\n"
        "print(BuildServer().pid, flush=True); os._exit(0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert happens(lambda: not runs(int(done.stdout)))


@contextmanager
def asking(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int, int]]:
    """A process group that is at a request that hangs, its server and the server's fork.

    The first one ignores interrupts, and prints how the request ended. The others do not, whatever
    the shell says that started the tests.
    """
    os.mkfifo(folder / "request.json")  # nobody writes to it
    code = (
        "import signal, sys; from pathlib import Path\n"
        "from targets.build_client import BuildServer\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "server = BuildServer(); print(server.pid, flush=True)\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "done = server.done(Path(sys.argv[1]), deadline_s=600)\n"
        "print(done.returncode, server.is_alive(), flush=True); server.stop()"
    )
    command = [sys.executable, "-c", code, str(folder / "request.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, process_group=0) as process:
        assert process.stdout is not None
        server = int(process.stdout.readline())
        assert happens(lambda: children(server))
        (fork,) = children(server)
        yield process, server, fork


def test_request_ends_with_who_asked(tmp_path: Path) -> None:
    """A build may hang, and nobody is left who would stop it."""
    with asking(tmp_path) as (process, server, fork):
        process.kill()
    assert happens(lambda: not runs(server))
    assert happens(lambda: not runs(fork))


def test_interrupt_ends_requests_alone(tmp_path: Path) -> None:
    """A terminal's goes to all of its processes."""
    with asking(tmp_path) as (process, _, _):

        def is_interrupted() -> bool:
            os.killpg(process.pid, signal.SIGINT)
            return process.poll() is not None

        assert happens(is_interrupted)
        assert process.stdout is not None
        assert process.stdout.read() == b"-2 True\n"


def test_other_environment_has_another_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """And who was told something else before is stopped."""
    monkeypatch.setattr(build_client, "_idle", {})
    spec = kernel_specs(SUM)[0]
    object_file([spec], ARMV7)
    ((first,),) = build_client._idle.values()
    monkeypatch.setenv("TVM_LOG_DEBUG", "")
    object_file([spec], ARMV7)
    ((second,),) = build_client._idle.values()
    assert second.pid != first.pid
    assert not first.is_alive()
    second.stop()


def test_killed_server_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_client, "_idle", {})
    spec = kernel_specs(SUM)[0]
    wanted = object_file([spec], ARMV7)
    ((first,),) = build_client._idle.values()
    os.kill(first.pid, signal.SIGKILL)
    assert object_file([spec], ARMV7) == wanted
    ((second,),) = build_client._idle.values()
    assert second.pid != first.pid
    assert object_file([spec], ARMV7) == wanted
    assert [each.pid for (each,) in build_client._idle.values()] == [second.pid]  # it is kept
    second.stop()
