"""What `barsctl inspect` says of each kind of file."""

import json
from pathlib import Path

import pytest

from barsctl.errors import BarsError
from barsctl.inspection.inspect import inspect
from barsctl.inspection.report import ForeignError
from targets.compiled_file import BOARD_PROGRAM_MARK, PROGRAM_MARK
from tests.barsctl.command_line import CommandLine
from tests.barsctl.example_files import elf, write_examples

RUNTIME = Path(__file__).parents[2] / "targets" / "runtime"


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_examples(tmp_path_factory.mktemp("examples"))


@pytest.mark.parametrize(
    ("kind", "told", "details"),
    [
        ("genotype", "genotype", {"space": "tiny", "image": [4, 4, 1], "classes": 3}),
        ("graph", "graph of a network", {"image": [13, 13, 3], "binary_macs": 58752}),
        ("search config", "config of a search", {"budgets": ["latency=35us", "size=64KB"]}),
        ("train config", "config of a training", {"source": "search", "data": "cifar10"}),
        ("sweep config", "config of a sweep", {"seeds": [0, 1]}),
        ("cell", "result of a sweep's cell", {"test_accuracy": 0.5, "error": None}),
        ("ranking", "ranking of derive", {"networks": 1, "best_cost": {"latency": 2.0}}),
        ("front", "front of pareto", {"target": "host", "best_accuracy": 0.5}),
        ("result", "result of a training", {"best_epoch": 3, "searched_relaxed": 0.75}),
        ("metrics", "metrics of a run", {"epochs": 2, "last": {"epoch": 1, "loss": 0.5}}),
        ("judged", "judged networks of a search", {"networks": 1, "best_accuracy": 0.25}),
        ("measured", "measured networks of a search", {"networks": 1, "places": ["local"]}),
        ("trials", "tried networks of a search", {"least_loss": 0.5, "best_accuracy": 0.625}),
        ("earlier trials", "tried networks of a search", {"networks": 2, "best_accuracy": None}),
        ("table", "latency table", {"way": "rpc", "kernels": 2, "tuned_kernels": 1}),
        ("csv", "latency table as CSV", {"way": "rpc", "kernels": 2, "tuned_kernels": 1}),
        ("frozen", "frozen network", {"real_exponent": 8, "blocks": 8}),
        ("checkpoint", "checkpoint of a training", {"state": {"epoch": 4}}),
        # The frozen network's weights, of 1 and of 8 bits.
        ("onnx", "exported network", {"1_bit_weights": 3648, "8_bit_weights": 249}),
        ("program", "static program", {"machine": "x86_64", "rodata_bytes": len(PROGRAM_MARK)}),
        ("library", "shared library", {"machine": "armv7l", "name": "net"}),
        ("archive", "static library", {"machine": "aarch64", "name": "net"}),
        ("manifest", "manifest of a compiled network", {"arena_bytes": 896, "classes": 3}),
    ],
)
def test_kind_is_found_in_the_content(
    kind: str, told: str, details: dict[str, object], examples: dict[str, Path]
) -> None:
    report = inspect(examples[kind])
    assert report.kind == told
    assert {name: report.details[name] for name in details} == details


def test_result_of_an_older_version_is_read(tmp_path: Path) -> None:
    result = {"best_epoch": 3, "validation_accuracy": 0.75, "test_accuracy": 0.5}
    (tmp_path / "result.json").write_text(json.dumps(result))
    assert inspect(tmp_path / "result.json").details == result


def test_programs_say_what_they_are() -> None:
    assert PROGRAM_MARK in (RUNTIME / "options.c").read_bytes()
    assert BOARD_PROGRAM_MARK in (RUNTIME / "bare_metal" / "main.c").read_bytes()


def test_machine_code_of_others_is_foreign(tmp_path: Path) -> None:
    (tmp_path / "program").write_bytes(elf(bits=64, kind=2, machine=62, rodata=b"hello"))
    with pytest.raises(ForeignError, match="no program or library that barsctl compiled"):
        inspect(tmp_path / "program")


def test_lines_and_json_say_the_same(
    examples: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    barsctl, file = CommandLine(monkeypatch, capsys), examples["manifest"]
    lines = barsctl("inspect", file).out.splitlines()
    assert lines[0] == f"{file}: manifest of a compiled network"
    assert "  arena bytes            896" in lines
    found = json.loads(barsctl("inspect", file, "--json").out)
    assert found["kind"] == "manifest of a compiled network"
    assert found["arena_bytes"] == 896


def test_files_of_others_beside_ours_are_foreign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As NAME-config.cmake beside every library, and Optuna's journal in a sweep."""
    (tmp_path / "net-config.cmake").write_text("# For find_package(net)\n")
    with pytest.raises(ForeignError, match="begins with"):
        inspect(tmp_path / "net-config.cmake")
    (tmp_path / "journal.log").write_text('{"op_code": 0}\n{"op_code": 4}\n')
    with pytest.raises(ForeignError, match="keys op_code, as none"):
        inspect(tmp_path / "journal.log")
    (tmp_path / "config.json").write_bytes(write_examples(tmp_path)["train config"].read_bytes())
    assert CommandLine(monkeypatch, capsys)("inspect", tmp_path).exit_code == 0


def test_foreign_text_does_not_steer_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    barsctl, file = CommandLine(monkeypatch, capsys), tmp_path / "metrics.jsonl"
    file.write_text('{"epoch": 0, "\\u001b[31m": NaN, "torn": "\\ud800"}\n')
    lines = barsctl("inspect", file).out.splitlines()
    assert [line.split()[-2:] for line in lines[-2:]] == [[r"\x1b[31m", "nan"], ["torn", r"\ud800"]]
    assert json.loads(barsctl("inspect", file, "--json").out)["last"]["\x1b[31m"] is None


@pytest.mark.parametrize(
    "first", [{"command": "search", "space": "x"}, {"command": "sweep", "spaces": []}]
)
def test_document_with_more_behind_it_is_damaged(first: object, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(f"{json.dumps(first)}\nmore")
    with pytest.raises(BarsError, match=r"file: this is no whole JSON \(Extra data"):
        inspect(tmp_path / "file")


def test_missing_file_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = CommandLine(monkeypatch, capsys)("inspect", tmp_path / "none")
    assert answer.exit_code == 1
    assert answer.err.startswith(f"barsctl: {tmp_path / 'none'}: No such file")
    assert len(answer.err.splitlines()) == 1
