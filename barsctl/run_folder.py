"""A run's folder: config.json, metrics.jsonl, TensorBoard events, checkpoints, genotype.json.

All but the metrics, which grow by a row per epoch, is written whole: a killed run leaves either the
old file or the new one.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from space.atomic import write_atomically
from space.json_lines import read_lines

from .errors import BarsError

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Row = Mapping[str, Json]
CONFIG, METRICS, GENOTYPE = "config.json", "metrics.jsonl", "genotype.json"
LAST, EVENTS = "last.safetensors", "tensorboard"


def write_json(path: Path, content: Json) -> None:
    """Write a JSON file as people read it."""
    write_atomically(path, json.dumps(content, indent=2) + "\n")


def open_run(
    folder: Path, config: Row, *, resume: bool, upgrade: Callable[[Row], Row] = dict
) -> None:
    """Start a run's folder, or check that it is the folder of the run to go on with.

    config: everything that decides what the run does. upgrade: gives an older version's config the
    form of today's.

    Raises BarsError where a folder has files and `resume` was not asked for, where it was but the
    run was started with other settings, and where the folder's name is no UTF-8.
    """
    place = str(folder.absolute())
    if os.fsencode(place).decode(errors="replace") != place:  # events and weights take text alone
        raise BarsError(f"{folder}: the name is no UTF-8; a run cannot be kept there: rename it")
    used = folder.is_dir() and any(not file.name.startswith(".") for file in folder.iterdir())
    if folder.exists() and not folder.is_dir():
        raise BarsError(f"{folder} is a file; a run needs a folder: choose another --out")
    if used and not resume:
        raise BarsError(
            f"{folder} is not empty; a run needs a folder of its own: "
            "choose another --out, or go on with this run with --resume"
        )
    if used:
        _require_same(folder, upgrade(_read_config(folder)), config)
        return
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / CONFIG, dict(config))


def read_config(folder: Path, *, command: str) -> dict[str, Json]:
    """Return the config.json of a command's run. Raises BarsError where there is none."""
    config = _read_config(folder)
    if config.get("command") != command:
        raise BarsError(
            f"{folder} is a run of {config.get('command')!r}, one of {command!r} is needed; "
            f"give the --out of barsctl {command}"
        )
    return config


def _read_config(folder: Path) -> dict[str, Json]:
    path = folder / CONFIG
    try:
        config = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise BarsError(
            f"{folder} is not a run's folder: {path.name} cannot be read ({error}); "
            "give the --out of an earlier search or training"
        ) from error
    return config if isinstance(config, dict) else {}


def _require_same(folder: Path, found: Row, asked: Row) -> None:
    before, now = dict(_flat(found)), dict(_flat(asked))
    for name in {**now, **before}:
        if before.get(name) != now.get(name):
            raise BarsError(
                f"{folder} was started with {name}={before.get(name)}, not {now.get(name)}; "
                "resume with the same settings or choose another --out"
            )


def _flat(content: Row, prefix: str = "") -> Iterator[tuple[str, Json]]:
    for name, value in content.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}/")
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            items = {f"{number}": item for number, item in enumerate(value)}
            yield from _flat(items, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", value


class MetricsLog:
    """Writes a row per epoch to metrics.jsonl and as TensorBoard events.

    Rows from `first_epoch` on are dropped: a run that was killed before its checkpoint left them.
    """

    def __init__(self, folder: Path, *, first_epoch: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.path = folder / METRICS
        rows = [row for row in read_metrics(folder) if row["epoch"] < first_epoch]
        write_atomically(self.path, "".join(json.dumps(row) + "\n" for row in rows))
        self.events = SummaryWriter(str(folder / EVENTS), purge_step=first_epoch)

    def write(self, epoch: int, row: Row) -> None:
        """Add the row of an epoch; nested names are joined by / in TensorBoard."""
        with self.path.open("a") as file:
            file.write(json.dumps({"epoch": epoch, **row}) + "\n")
        for name, value in _flat(row):
            if isinstance(value, int | float):
                self.events.add_scalar(name, value, epoch)
        self.events.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.events.close()


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of metrics.jsonl, none where it is not there; see `metrics_rows`."""
    path = folder / METRICS
    return metrics_rows(path) if path.exists() else []


def metrics_rows(path: Path) -> list[dict[str, Any]]:
    """Return the whole rows of a metrics file; a last row cut off by a kill is left out.

    Raises BarsError where a row is damaged.
    """
    return [
        _metrics_row(path, line, number=number)
        for number, line in enumerate(read_lines(path).whole, start=1)
    ]


def _metrics_row(path: Path, line: bytes, *, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict) or not isinstance(row.get("epoch"), int):
        raise BarsError(
            f"{path}: line {number} is no epoch's metrics; nothing but curves depends on them: "
            "move the file away and resume without it"
        )
    return row
