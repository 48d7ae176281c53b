"""Boards behind TVM's RPC: our agent, run here and under an emulator, and what goes wrong there."""

import platform
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from barsctl.errors import BarsError
from barsctl.profile import ProfileSettings, profile, space_specs
from costmodels.table_file import read_table
from targets import build
from targets.catalog import named_target
from targets.errors import TargetError
from targets.measuring import measure as measuring
from targets.measuring import timed_bench
from targets.measuring.device import device_at
from targets.measuring.measure import measure
from targets.measuring.measured import Failed, Measured
from targets.measuring.place import Place, parse_place
from targets.measuring.samples import Samples
from targets.measuring.timing import Deadlines, TimingWorker, UnreachableError
from targets.subjects.library import build_timing_library
from targets.subjects.subject import Subject
from targets.target import Target
from targets.tiling import NO_TILES, Tiles
from targets.toolchain import Notify, run_zig
from tests.barsctl.test_profile import SPACE
from tests.example_graphs import EXAMPLE_GRAPHS
from tests.targets.agent.agent_process import Agent, Board, built_board, running_agent
from tests.targets.agent.rpc_clients import happens
from tests.targets.agent.test_tracker import free_boards, free_port, running_tracker
from tests.targets.timed_blocks import small_specs

SPECS = small_specs()
BAD = SPECS[1]
NETWORK = EXAMPLE_GRAPHS["cell"]()
MISBEHAVING = Path(__file__).with_name("misbehaving.c")
HOST = named_target("host")


@pytest.fixture(scope="module", params=["host", "aarch64"])
def machine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    name: str = request.param
    built_board(name, tmp_path_factory.getbasetemp())
    return name


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    return built_board("host", tmp_path_factory.getbasetemp())


def place_of(agent: Agent) -> Place:
    return Place("rpc", "127.0.0.1", agent.port)


def use_misbehaving(word: str, monkeypatch: pytest.MonkeyPatch, *, answer_s: float = 60.0) -> None:
    """Let the bad kernel crash, or HANG, once; no answer may take longer than that."""

    def build(
        subjects: Sequence[Subject], target: Target, folder: Path, output: str, *,
        threads: int, tiles: Tiles, notify: Notify,
    ) -> None:  # fmt: skip
        if BAD not in subjects:
            build_timing_library(
                subjects, target, folder, output, threads=threads, tiles=tiles, notify=notify
            )
        elif len(subjects) > 1:
            raise TargetError("not together")
        else:
            flags = ("-shared", "-nostdlib", "-fPIC", "-O1", "-fno-sanitize=all", f"-D{word}")
            run_zig("cc", *flags, str(MISBEHAVING), "-o", output, target=target, folder=folder)

    monkeypatch.setattr(timed_bench, "build_timing_library", build)
    patient = partial(TimingWorker, deadlines=Deadlines(answer_s=answer_s))
    monkeypatch.setattr(measuring, "TimingWorker", patient)
    monkeypatch.setattr(timed_bench, "TRIES", 1)


def test_kernels_and_networks_are_timed_on_a_board(
    machine: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    there = built_board(machine, tmp_path_factory.getbasetemp())
    with running_agent(there) as agent:
        results = list(
            measure([*SPECS, NETWORK], named_target(machine), place_of(agent), notify=print)
        )
    assert all(isinstance(each, Measured) and each.median > 0 for each in results)


def test_threads_share_a_board(board: Board) -> None:
    with running_agent(board) as agent:
        results = measure([NETWORK], HOST, place_of(agent), notify=print, threads=2)
        assert [type(each) for each in results] == [Measured]


@pytest.mark.parametrize(
    ("word", "answer_s", "reason"),
    [("CRASH", 60.0, "signal 11"), ("HANG", 4.0, "no answer within")],
)
def test_misbehaving_kernel_costs_one_row(
    word: str, answer_s: float, reason: str, machine: str,
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    use_misbehaving(word, monkeypatch, answer_s=answer_s)
    there = built_board(machine, tmp_path_factory.getbasetemp())
    with running_agent(there) as agent:
        found = {
            each.subject: each
            for each in measure(SPECS, named_target(machine), place_of(agent), notify=print)
        }
    failed = found.pop(BAD)
    assert isinstance(failed, Failed)
    assert reason in failed.reason
    assert [type(each) for each in found.values()] == [Measured, Measured]


def test_next_session_has_a_clock_of_its_own(board: Board, tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    for folder in (good, bad):
        folder.mkdir()
    build_timing_library(SPECS[:1], HOST, good, "good.so", threads=1, tiles=NO_TILES, notify=print)
    flags = ("-shared", "-nostdlib", "-fPIC", "-O1", "-fno-sanitize=all", "-DCRASH")
    run_zig("cc", *flags, str(MISBEHAVING), "-o", "bad.so", target=HOST, folder=bad)
    with running_agent(board) as agent, TimingWorker(place_of(agent)) as worker:
        worker.samples_us(good / "good.so", 0)
        worker.fastest_reference = 1.0  # another board's, of a nanosecond
        with pytest.raises(TargetError, match="signal 11"):
            worker.samples_us(bad / "bad.so", 0)
        worker.samples_us(good / "good.so", 0)
        assert worker.fastest_reference > 1.0


@contextmanager
def mortal_agent(board: Board) -> Iterator[tuple[subprocess.Popen[str], Place]]:
    """An agent that may die before it is asked to end."""
    command = [str(board.agent), "--host", "127.0.0.1", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline().rpartition(":")[2])
            yield process, Place("rpc", "127.0.0.1", port)
        finally:
            process.kill()


def kill_after(
    answers: int, process: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let the agent be killed after some answers."""
    left = iter(range(answers))
    ask = TimingWorker.samples_us

    def samples_us(worker: TimingWorker, library: Path, subject: int) -> Samples:
        if next(left, None) is None:
            process.kill()
            process.wait()
        return ask(worker, library, subject)

    monkeypatch.setattr(TimingWorker, "samples_us", samples_us)


def test_killed_agent_costs_no_row_that_was_measured(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, specs = tmp_path / "table.jsonl", space_specs([SPACE])
    with monkeypatch.context() as patch, mortal_agent(board) as (process, place):
        patch.setattr(timed_bench, "GROUP", 1)
        patch.setattr(timed_bench, "PAUSES_S", (0.0, 0.0))
        kill_after(5, process, patch)
        lost = pytest.raises(BarsError, match=r"rpc://.* cannot be reached .*is it .* --resume$")
        with lost:
            profile(specs, ProfileSettings(HOST, place), table=table, resume=False, notify=print)
    before = table.read_text()
    assert 0 < len(read_table(table).rows) < len(specs)
    with running_agent(board) as agent:
        settings = ProfileSettings(HOST, place_of(agent))
        done = profile(specs, settings, table=table, resume=True, notify=print)
    assert done.failed == ()
    assert table.read_text().startswith(before)
    assert set(read_table(table).rows) == {spec.key for spec in specs}


def test_board_may_have_an_address_of_ipv6(board: Board) -> None:
    if not has_ipv6():
        pytest.skip("no IPv6 here")
    with running_agent(board, "--host", "::1") as agent:
        place = parse_place(f"rpc://[::1]:{agent.port}")
        assert device_at(place).machine == platform.machine()


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def test_missing_client_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "find_spec", lambda _: None)
    missing = r"^talking to rpc://pi:9090 needs apache-tvm; install it with: pip install"
    with (
        TimingWorker(Place("rpc", "pi", 9090)) as worker,
        pytest.raises(TargetError, match=missing),
    ):
        worker.facts()


def test_port_that_says_nothing_is_told_within_its_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = Place("rpc", "127.0.0.1", silent.getsockname()[1])
        worker = TimingWorker(place, deadlines=Deadlines(start_s=4.0))
        mute = pytest.raises(UnreachableError, match=r"cannot be reached \(no answer within 4 s")
        with worker, mute:
            worker.facts()


def test_fleet_behind_a_tracker_shares_the_kernels(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    fleet = Place("rpc", "127.0.0.1", port, "fleet")
    words = ("--tracker", f"127.0.0.1:{port}", "--key", "fleet")
    monkeypatch.setattr(timed_bench, "GROUP", 1)
    with running_tracker(port):
        absent = pytest.raises(UnreachableError, match=r"tracker has no board 'fleet'; it has \[\]")
        with TimingWorker(fleet) as worker, absent:
            worker.facts()
        with running_agent(board, *words), running_agent(board, *words):
            assert happens(lambda: free_boards(port, "fleet") == 2)
            results = list(measure(SPECS, HOST, fleet, notify=print))
    assert [type(each) for each in results] == [Measured] * 3


def test_board_of_another_machine_is_refused(board: Board, tmp_path: Path) -> None:
    with running_agent(board) as agent:
        settings = ProfileSettings(named_target("aarch64"), place_of(agent))
        foreign = pytest.raises(TargetError, match=r"is x86_64; kernels for aarch64 need .* asimd")
        with foreign:
            profile((), settings, table=tmp_path / "t.jsonl", resume=False, notify=print)
    assert not (tmp_path / "t.jsonl").exists()
