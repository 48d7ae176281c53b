"""The agent, built once for each machine, and started on this one."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from targets.agent.build import build_agent
from targets.catalog import named_target
from targets.errors import TargetError
from targets.toolchain import run_zig

KERNELS = Path(__file__).with_name("kernels.c")
# Debian's package libstdc++6-arm64-cross.
SYSROOT = Path("/usr/aarch64-linux-gnu")


def quiet(message: str) -> None:
    del message


@dataclass(frozen=True)
class Board:
    """Where the agent is, how it is started here, and a library of kernels for it."""

    agent: Path
    emulator: tuple[str, ...]
    kernels: Path


@dataclass(frozen=True)
class Agent:
    """A running agent, and where its sessions have their folders."""

    process: subprocess.Popen[str]
    port: int
    sessions: Path


@cache
def built_board(target: str, base: Path) -> Board:
    """The agent and the kernels for a target, below a folder. Skips the test where it cannot be."""
    folder = base / f"agent-{target}"
    emulator = _emulator(target)
    chosen = named_target(target)
    try:
        build_agent(chosen, folder, wheels=None, notify=quiet)
    except TargetError as error:
        if not emulator:
            raise
        pytest.skip(f"no agent for {target}: {error}")
    flags = ("-shared", "-nostdlib", "-fPIC", "-O1", "-fno-sanitize=all")
    run_zig("cc", *flags, str(KERNELS), "-o", "kernels.so", target=chosen, folder=folder)
    return Board(folder / "barsctl-agent", emulator, folder / "kernels.so")


def _emulator(target: str) -> tuple[str, ...]:
    if target == "host":
        return ()
    if shutil.which("qemu-aarch64") is None:
        pytest.skip("qemu-aarch64 is not installed")
    if not (SYSROOT / "lib" / "libstdc++.so.6").exists():
        pytest.skip("no C++ library for ARM; on Debian: apt install libstdc++6-arm64-cross")
    return ("qemu-aarch64", "-L", str(SYSROOT))


@contextmanager
def running_agent(board: Board, *words: str, memory_limit_mb: int | None = None) -> Iterator[Agent]:
    """An agent on a free port, which has to end cleanly when it is asked to."""
    limit = [] if memory_limit_mb is None else ["prlimit", f"--data={memory_limit_mb << 20}"]
    command = [*limit, *board.emulator, str(board.agent), "--host", "127.0.0.1", "--port", "0"]
    with TemporaryDirectory() as sessions:
        environment = {**os.environ, "TMPDIR": sessions}
        with subprocess.Popen(
            [*command, *words], stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            try:
                yield Agent(process, _port(process), Path(sessions))
                process.terminate()
                assert process.wait(timeout=10) == 0
                assert list(Path(sessions).iterdir()) == []
            finally:
                process.kill()


def _port(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline().rpartition(":")[2])
