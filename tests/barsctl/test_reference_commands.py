"""profile --reference and train NAME, as a user calls them."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from barsctl import profile as profiling
from space.graph_json import graph_from_json
from targets.kernel_specs import KernelSpec
from targets.measuring.measured import Failed, Measured
from tests.barsctl.command_line import CommandLine
from tests.barsctl.tiny_runs import write_images

SHAPE = ("--stem", "strided", "--stages", "2")


@pytest.fixture
def barsctl(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(monkeypatch, capsys)


def data_words(folder: Path) -> tuple[object, ...]:
    return ("--data", "npz", "--data-dir", write_images(folder).data_dir, "--batch-size", "16",
            "--epochs", "1", "--device", "cpu")  # fmt: skip


def test_budget_trains_the_widest_that_was_profiled(
    barsctl: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(specs: Sequence[KernelSpec], *_: object, **__: object) -> list[Measured | Failed]:
        return [Measured(spec, (0.1 * spec.block.out_channels,)) for spec in specs]

    monkeypatch.setattr(profiling, "measure", measure)
    table, run = tmp_path / "host.jsonl", tmp_path / "run"
    profile = ("profile", "--reference", "bireal-18", *SHAPE, "--image-size", "8", "--classes", "3",
               "--out", table)  # fmt: skip
    assert barsctl(*profile, "--channels", "8..16").exit_code == 0
    resumed = json.loads(barsctl(*profile, "--channels", "24", "--resume", "--json").out)
    # Stem, stage 0's layers, pool, projection, stage 1's first, middle and last layer, classifier.
    assert (resumed["measured"], resumed["kept"]) == (8, 0)

    # With c channels: 0.1 us for each of 5 c (stem, stage 0), c (pool), 2 c (projection),
    # 4 * 2 c (stage 1), and 3 classes: 1.6 c + 0.3, which is 25.9 us at 16 channels.
    train = ("train", "bireal-18", *SHAPE, *data_words(tmp_path), "--table", table, "--out", run)
    trained = barsctl(*train, "--budget", "latency=0.026ms")
    assert trained.exit_code == 0
    assert "bireal-18 with 16 channels: predicted latency=25.9us" in trained.err
    graph = graph_from_json((run / "graph.json").read_text())
    assert graph.node("s1l3.conv").block.out_channels == 32
    assert json.loads((run / "config.json").read_text())["reference"] == {
        "channels": 16, "stem": "strided", "stages": 2, "tables": [str(table)],
        "budgets": [{"metric": "latency", "limit": 0.026, "target": None}],
    }  # fmt: skip
    inspected = barsctl("inspect", run / "config.json", "--json").out
    assert '"latency=26us"' in inspected
    assert barsctl(*train, "--budget", "latency=0.026ms", "--resume").exit_code == 0
    other = barsctl(*train, "--budget", "latency=14us", "--resume")
    assert other.exit_code == 1
    assert "was started with reference/channels=16, not 8" in other.err
    impossible = barsctl(*train[:-1], tmp_path / "other", "--budget", "latency=1us")
    assert impossible.exit_code == 3
    assert "smallest reachable latency=13.1us" in impossible.err
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train", "bireal-18", "--channels", "8", "--budget", "bops=1M"), "give one of them"),
        (("train", "mine.json", "--stem", "strided"), "is no reference's name"),
        (("profile", "--channels", "8..64"), "are a --reference's"),
        (("profile", "--reference", "bireal-18", "--channels", "8..20"), "no multiples of 8"),
        (("profile", "--reference", "bireal-18", "--channels", "64..8"), "no multiples of 8"),
        (("profile", "--reference", "bireal-18", "--channels", "wide"), "no multiples of 8"),
    ],
)
def test_wrong_words_exit_two(
    words: Sequence[str], message: str, barsctl: CommandLine, tmp_path: Path
) -> None:
    answer = barsctl(*words, "--out", tmp_path / "out")
    assert answer.exit_code == 2
    assert message in " ".join(answer.err.replace("│", " ").split())
