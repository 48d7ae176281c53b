"""The agent, run on this machine and emulated, with the client that users have."""

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from targets.host import host_flags

from .agent_process import Agent, Board, built_board, running_agent
from .rpc_clients import Clients, happens, running_clients

MAGIC = 0xFF271


@pytest.fixture(scope="module", params=["host", "aarch64"])
def board(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Board:
    return built_board(request.param, tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def agent(board: Board) -> Iterator[Agent]:
    with running_agent(board) as agent:
        yield agent


@pytest.fixture(scope="module")
def host_board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    return built_board("host", tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def host_agent(host_board: Board) -> Iterator[Agent]:
    with running_agent(host_board) as agent:
        yield agent


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    with running_clients(tmp_path_factory.mktemp("clients")) as clients:
        yield clients


def steps(board: Board, function: str) -> tuple[tuple[str, ...], ...]:
    return ("upload", str(board.kernels)), ("call", board.kernels.name, function)


def serves(agent: Agent, board: Board, clients: Clients) -> bool:
    return clients.start(agent.port, *steps(board, "add")).answers() == [None, 42]


def test_kernel_answers(agent: Agent, board: Board, clients: Clients) -> None:
    assert serves(agent, board, clients)


def test_crash_costs_one_session(agent: Agent, board: Board, clients: Clients) -> None:
    answers = clients.start(agent.port, *steps(board, "crash")).answers()
    assert "died of signal 11 (Segmentation fault)" in answers[-1]
    assert serves(agent, board, clients)


def test_hanging_kernel_ends_with_the_session(agent: Agent, board: Board, clients: Clients) -> None:
    answers = clients.start(agent.port, *steps(board, "hang"), timeout_s=0.5).answers()
    assert answers[-1].startswith("RPCSessionTimeoutError: ")
    assert answers[-1].endswith("the session was ended after its 0.5 s")
    assert serves(agent, board, clients)


def test_device_is_described(agent: Agent, board: Board, clients: Clients) -> None:
    (info,) = clients.start(agent.port, ("device_info",)).answers()
    assert info.startswith(f"machine: {'aarch64' if board.emulator else os.uname().machine}\n")
    assert f"\ncore: {max(os.sched_getaffinity(0))}\n" in info
    assert host_flags() <= set(info.split())


def test_client_that_is_killed_ends_its_kernel(
    host_agent: Agent, host_board: Board, clients: Clients
) -> None:
    client = clients.start(host_agent.port, *steps(host_board, "hang"))
    assert happens(lambda: list(host_agent.sessions.glob("*/kernels.so")))
    client.kill()
    assert serves(host_agent, host_board, clients)


def test_nothing_of_a_session_stays(host_agent: Agent, host_board: Board, clients: Clients) -> None:
    client = clients.start(host_agent.port, *steps(host_board, "litter"))
    process = Path(f"/proc/{client.answers()[-1]}/stat")
    assert happens(lambda: not list(host_agent.sessions.iterdir()))
    assert happens(lambda: not process.exists() or ") Z " in process.read_text())


def test_full_memory_costs_one_session(host_board: Board, clients: Clients) -> None:
    with running_agent(host_board, memory_limit_mb=256) as agent:
        answers = clients.start(agent.port, *steps(host_board, "fill")).answers()
        assert "died of signal 11 (Segmentation fault)" in answers[-1]
        assert serves(agent, host_board, clients)


@pytest.mark.parametrize("name", ["../escaped.so", "/tmp/escaped.so", "..", "folder/escaped.so"])
def test_uploads_stay_in_the_session(host_agent: Agent, clients: Clients, name: str) -> None:
    (answer,) = clients.start(host_agent.port, ("upload_as", name)).answers()
    assert "give a name without folders" in answer


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack("<ii", MAGIC, -1),
        struct.pack("<ii", MAGIC, 1 << 30),
        struct.pack("<ii", MAGIC, 100) + b"client:",
        struct.pack("<ii", MAGIC, 7) + b"client:" + bytes(range(256)),
    ],
)
def test_silence_and_nonsense_pass(
    host_agent: Agent, host_board: Board, clients: Clients, words: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", host_agent.port)) as connection:
        connection.sendall(words)
        assert serves(host_agent, host_board, clients)


def test_missing_folder_is_told(host_board: Board, clients: Clients) -> None:
    with running_agent(host_board) as agent:
        agent.sessions.rmdir()
        (answer,) = clients.start(agent.port, ("device_info",)).answers()
        assert "no temporary folder (TMPDIR) for a session: No such file or directory" in answer
        agent.sessions.mkdir()
        assert serves(agent, host_board, clients)


def test_kernels_run_on_the_chosen_core(host_board: Board, clients: Clients) -> None:
    core = min(os.sched_getaffinity(0))
    with running_agent(host_board, "--core", str(core)) as agent:
        (info,) = clients.start(agent.port, ("device_info",)).answers()
    assert f"\ncore: {core}\n" in info


def test_end_does_not_wait_for_a_kernel(host_board: Board, clients: Clients) -> None:
    with running_agent(host_board) as agent:
        client = clients.start(agent.port, *steps(host_board, "hang"))
        assert happens(lambda: list(agent.sessions.glob("*/kernels.so")))
    assert "the agent was ended" in client.answers()[-1]
