"""The agent behind TVM's own tracker."""

import json
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from .agent_process import Agent, Board, built_board, running_agent
from .rpc_clients import Clients, happens, running_clients

TRACKER_MAGIC = 0x2F271
REQUEST, SUMMARY = 4, 6
STEPS = (("device_info",),)


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    return built_board("host", tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    with running_clients(tmp_path_factory.mktemp("clients")) as clients:
        yield clients


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running_tracker(port: int) -> Iterator[None]:
    """The tracker as `python -m tvm.exec.rpc_tracker` runs it, in one process instead of two."""
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from tvm.rpc.tracker import PopenTrackerServerState\n"
        f"PopenTrackerServerState('127.0.0.1', {port}, {port + 1}, silent=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        try:
            assert happens(partial(answers_at, port))
            yield
        finally:
            process.kill()


def answers_at(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def ask_tracker(port: int, *request: object) -> Any:
    """What the tracker says."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        stream = connection.makefile("rwb")
        text = json.dumps(request).encode()
        stream.write(struct.pack("<i", TRACKER_MAGIC))
        stream.flush()
        assert stream.read(4) == struct.pack("<i", TRACKER_MAGIC)
        stream.write(struct.pack("<i", len(text)) + text)
        stream.flush()
        (size,) = struct.unpack("<i", stream.read(4))
        answer = json.loads(stream.read(size))
        stream.close()
    return answer


def free_boards(port: int, key: str = "rpi4") -> int:
    _, summary = ask_tracker(port, SUMMARY)
    free: int = summary["queue_info"].get(key, {"free": 0})["free"]
    return free


def one_is_free(port: int) -> bool:
    return happens(lambda: free_boards(port) == 1)


def serves(port: int, clients: Clients) -> bool:
    (info,) = clients.start(port, *STEPS, key="rpi4").answers()
    return str(info).startswith("machine: ")


@contextmanager
def tracked_agent(board: Board, port: int) -> Iterator[Agent]:
    with running_agent(board, "--tracker", f"127.0.0.1:{port}", "--key", "rpi4") as agent:
        yield agent


def test_board_comes_back_after_each_session(board: Board, clients: Clients) -> None:
    port = free_port()
    with running_tracker(port), tracked_agent(board, port) as agent:
        assert all(serves(port, clients) for _ in range(3))
        (refused,) = clients.start(agent.port, *STEPS).answers()
        assert "cannot find server that matches key" in refused
        assert one_is_free(port)
        ask_tracker(port, REQUEST, "rpi4", "", 1)
        assert free_boards(port) == 0
        assert one_is_free(port), "a client that took the board and never came keeps it"


def test_tracker_may_come_late_and_restart(board: Board, clients: Clients) -> None:
    port = free_port()
    with tracked_agent(board, port):
        for _ in range(2):
            with running_tracker(port):
                assert one_is_free(port)
                assert serves(port, clients)
