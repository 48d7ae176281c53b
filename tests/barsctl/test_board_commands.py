"""profile, compile, targets and doctor, as a user and as a script call them."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from barsctl import package as packaging
from barsctl import profile as profiling
from barsctl.commands.compile import default_name
from targets.compile import Artefacts
from targets.kernel_specs import KernelSpec
from targets.measuring.measured import Failed, Measured
from tests.barsctl.command_line import CommandLine
from tests.barsctl.tiny_packages import TAMPERED, tamper, train_tiny

DATA = Path(__file__).parent.parent / "data"
TINY_SPACE = ("--space", "demo", "--image-size", "8", "--classes", "2")


@pytest.fixture
def barsctl(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(monkeypatch, capsys)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(tmp_path_factory.mktemp("commands"))


def test_compile_ends_in_a_verified_program(barsctl: CommandLine, run: Path) -> None:
    answer = barsctl("compile", run, "--json")
    assert answer.exit_code == 0
    host = json.loads(answer.out)["targets"]["host"]
    assert host["verification"]["program"]["result"] == "equal"
    assert Path(host["program"]) == run / "compiled" / "host" / "net_tiny_run"
    assert {file.name for file in (run / "compiled").iterdir()} == {
        "frozen.safetensors", "model.onnx", "host",
    }  # fmt: skip
    table = barsctl("compile", run, "--images", "4", "--name", "other", "--out", run / "again")
    assert table.exit_code == 0
    assert "4 images" in table.out
    assert (run / "again" / "host" / "libother.so").exists()


def test_tampered_network_exits_four(
    barsctl: CommandLine, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = packaging.write_package

    def write_and_tamper(*words: object, folder: Path, **named: object) -> tuple[Artefacts, ...]:
        files: tuple[Artefacts, ...] = write(*words, folder=folder, **named)  # type: ignore[arg-type]
        tamper(folder)
        return files

    monkeypatch.setattr(packaging, "write_package", write_and_tamper)
    answer = barsctl("compile", run, "--out", tmp_path / "compiled")
    assert answer.exit_code == 4
    last = answer.err.splitlines()[-1]
    assert "host/net_tiny_run: " in last
    assert f"first difference: {TAMPERED}.inner" in last
    assert "DIFFERS" in answer.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("compile", "gone"), "gone is not there"),
        (("compile", "gone", "--target", "z80"), "target 'z80' is not known"),
        (("compile", "gone", "--table", "gone.jsonl"), "latency table gone.jsonl cannot be read"),
        (("profile", "--space", "mars"), "space 'mars' is unknown"),
        (("profile", "--target", "z80"), "target 'z80' is not known"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    words: Sequence[str], message: str, barsctl: CommandLine
) -> None:
    answer = barsctl(*words)
    assert answer.exit_code == 1
    assert message in answer.err
    assert len(answer.err.splitlines()) == 1


@pytest.mark.parametrize("threads", ["0", "65"])
def test_numbers_of_threads_have_bounds(barsctl: CommandLine, threads: str) -> None:
    answer = barsctl("compile", "gone", "--threads", threads)
    assert answer.exit_code == 2
    assert "--threads" in answer.err


def test_profile_reports_what_it_measured(
    barsctl: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(specs: Sequence[KernelSpec], *_: object, **__: object) -> list[Measured | Failed]:
        return [Measured(spec, (2.0, 2.0)) for spec in specs]

    monkeypatch.setattr(profiling, "measure", measure)
    table = tmp_path / "host.jsonl"
    answer = barsctl("profile", *TINY_SPACE, "--out", table, "--json")
    assert answer.exit_code == 0
    found = json.loads(answer.out)
    assert found["measured"] == len(table.read_text().splitlines()) - 1 > 50
    assert "in_size=28" not in table.read_text()
    refused = barsctl("profile", *TINY_SPACE, "--out", table)
    assert refused.exit_code == 1
    assert "--resume" in refused.err
    resumed = barsctl("profile", *TINY_SPACE, "--out", table, "--resume")
    assert resumed.exit_code == 0
    assert f"0 kernels measured, {found['measured']} kept" in resumed.out


@pytest.mark.parametrize("networks", ["1", "2"])
def test_too_few_networks_to_calibrate_are_wrong_usage(
    barsctl: CommandLine, tmp_path: Path, networks: str
) -> None:
    table = tmp_path / "host.jsonl"
    answer = barsctl("profile", *TINY_SPACE, "--out", table, "--calibrate", networks)
    assert answer.exit_code == 2
    assert f"{networks} networks are too few" in answer.err
    assert not table.exists()


def test_reference_is_not_calibrated(barsctl: CommandLine, tmp_path: Path) -> None:
    """Whole networks are of a space, whose kernels would not be there in the end."""
    table = tmp_path / "host.jsonl"
    words = ("--reference", "bireal-18", "--calibrate", "8")
    answer = barsctl("profile", *TINY_SPACE, *words, "--out", table)
    assert answer.exit_code == 2
    assert "give it without --reference, then this" in " ".join(answer.err.split())
    assert not table.exists()


def test_profile_with_a_failed_kernel_exits_one(
    barsctl: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(specs: Sequence[KernelSpec], *_: object, **__: object) -> list[Measured | Failed]:
        return [Failed(specs[0], "SIGILL"), *(Measured(spec, (2.0,)) for spec in specs[1:])]

    monkeypatch.setattr(profiling, "measure", measure)
    answer = barsctl("profile", *TINY_SPACE, "--out", tmp_path / "host.jsonl")
    assert answer.exit_code == 1
    assert "1 kernels could not be measured" in answer.err
    assert "SIGILL" in answer.err.splitlines()[-1]


def test_profile_learns_what_it_does_not_measure(
    barsctl: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[KernelSpec] = []

    def measure(specs: Sequence[KernelSpec], *_: object, **__: object) -> list[Measured | Failed]:
        asked.extend(specs)
        return [Measured(spec, (2.0,)) for spec in specs]

    monkeypatch.setattr(profiling, "measure", measure)
    table = tmp_path / "host.jsonl"
    answer = barsctl("profile", "--rows", "25", "--out", table, "--json")
    assert answer.exit_code == 0
    found = json.loads(answer.out)
    assert len(asked) == found["measured"] == 25
    assert found["learned"]["rows"] == 106 - 25
    refused = barsctl("profile", "--rows", "5", "--out", tmp_path / "few.jsonl")
    assert refused.exit_code == 1
    assert "5 of 106 kernels are too few" in refused.err


def test_tables_go_to_csv_and_back(barsctl: CommandLine, tmp_path: Path) -> None:
    table = DATA / "latency-table-4.jsonl"
    assert barsctl("table", "export", table, tmp_path / "t.csv").exit_code == 0
    assert barsctl("table", "import", tmp_path / "t.csv", tmp_path / "t.jsonl").exit_code == 0
    assert (tmp_path / "t.jsonl").read_text() == table.read_text()
    again = barsctl("table", "import", tmp_path / "t.csv", tmp_path / "t.jsonl")
    assert again.exit_code == 1
    assert "t.jsonl is there already" in again.err
    missing = barsctl("table", "export", tmp_path / "gone", tmp_path / "u.csv")
    assert missing.exit_code == 1
    assert len(missing.err.splitlines()) == 1


def test_names_are_identifiers(tmp_path: Path) -> None:
    assert default_name(tmp_path / "My Run-2" / "best.safetensors", None) == "net_my_run_2"
    (tmp_path / ("x" * 80)).mkdir()
    assert default_name(tmp_path / ("x" * 80), None) == "net_" + "x" * 59


def test_link_to_itself_is_told(barsctl: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "run").symlink_to("run")
    answer = barsctl("compile", tmp_path / "run")
    assert answer.exit_code == 1
    assert f"{tmp_path / 'run'} is not there; give the folder of a finished" in answer.err
