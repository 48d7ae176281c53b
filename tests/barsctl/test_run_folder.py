import json
from pathlib import Path

import pytest

from barsctl.errors import BarsError
from barsctl.run_folder import (
    Json,
    MetricsLog,
    open_run,
    read_config,
    read_metrics,
)


def config(**settings: Json) -> dict[str, Json]:
    return {"format": 1, "command": "search", "settings": settings}


def test_new_run_writes_its_config(tmp_path: Path) -> None:
    open_run(tmp_path / "a" / "run", config(epochs=3), resume=False)
    found = read_config(tmp_path / "a" / "run", command="search")
    assert found == {"format": 1, "command": "search", "settings": {"epochs": 3}}


def test_folder_without_a_name_in_utf8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BarsError, match=r"the name is no UTF-8; .* rename it"):
        open_run(tmp_path / "\udcff", config(), resume=False)
    assert list(tmp_path.iterdir()) == []


def test_used_folder_is_refused_without_resume(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BarsError, match=r"is not empty.*choose another --out.*--resume"):
        open_run(tmp_path, config(), resume=False)


def test_leftover_of_a_killed_write_does_not_count(tmp_path: Path) -> None:
    (tmp_path / ".config.json.123").write_text("{")
    open_run(tmp_path, config(epochs=3), resume=False)
    assert read_config(tmp_path, command="search")["settings"] == {"epochs": 3}


def test_resume_starts_where_nothing_is(tmp_path: Path) -> None:
    open_run(tmp_path, config(epochs=3), resume=True)
    assert read_config(tmp_path, command="search")["settings"] == {"epochs": 3}


def test_resume_refuses_another_setting_by_name(tmp_path: Path) -> None:
    open_run(tmp_path, config(epochs=3, widths=[0.5, 1]), resume=False)
    open_run(tmp_path, config(epochs=3, widths=[0.5, 1]), resume=True)
    with pytest.raises(BarsError, match="started with settings/epochs=3, not 4"):
        open_run(tmp_path, config(epochs=4, widths=[0.5, 1]), resume=True)


def test_resume_refuses_a_strange_folder(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BarsError, match=r"is not a run's folder"):
        open_run(tmp_path, config(), resume=True)


def test_resume_refuses_another_format(tmp_path: Path) -> None:
    old = json.dumps({**config(), "format": 99})
    (tmp_path / "config.json").write_text(old)
    with pytest.raises(BarsError, match="started with format=99, not 1"):
        open_run(tmp_path, config(), resume=True)


def test_resumed_log_drops_rows_past_the_checkpoint(tmp_path: Path) -> None:
    with MetricsLog(tmp_path, first_epoch=0) as log:
        for epoch in range(3):
            log.write(epoch, {"loss": {"weights": 0.5}, "accuracy": None})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 3, "lo')
    with MetricsLog(tmp_path, first_epoch=2) as log:
        log.write(2, {"loss": {"weights": 0.25}, "accuracy": None})
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["loss"]["weights"] for row in rows] == [0.5, 0.5, 0.25]
    assert read_metrics(tmp_path) == rows
    assert len(list((tmp_path / "tensorboard").iterdir())) == 2


def test_another_commands_run_is_refused_by_its_command(tmp_path: Path) -> None:
    open_run(tmp_path, config(epochs=3), resume=False)
    with pytest.raises(BarsError, match="is a run of 'search', one of 'train' is needed"):
        read_config(tmp_path, command="train")
    with pytest.raises(BarsError, match="started with command=search, not train"):
        open_run(tmp_path, {"format": 1, "command": "train", "budgets": []}, resume=True)


@pytest.mark.parametrize("text", ["", "[" * 100_000, '{"format": 1, "comm', "\udcff"])
def test_damaged_config_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text, errors="surrogateescape")
    with pytest.raises(BarsError, match=r"config.json cannot be read"):
        read_config(tmp_path, command="search")


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"loss": 1}', b"\xff"])
def test_damaged_metrics_name_their_line(line: bytes, tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_bytes(b'{"epoch": 0}\n' + line + b"\n")
    with pytest.raises(BarsError, match=r"metrics.jsonl: line 2 is no epoch's metrics"):
        read_metrics(tmp_path)


def test_log_goes_on_without_its_lost_rows(tmp_path: Path) -> None:
    with MetricsLog(tmp_path, first_epoch=2) as log:
        log.write(2, {"loss": 0.5})
    with MetricsLog(tmp_path, first_epoch=3):
        assert read_metrics(tmp_path) == [{"epoch": 2, "loss": 0.5}]
