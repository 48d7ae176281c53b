"""Files of searches and trainings beside their networks: configs, results and rows."""

import json
from dataclasses import asdict
from pathlib import Path

from barsctl.data_choice import DataChoice
from barsctl.judged import JUDGED_FORMAT
from barsctl.measured_log import measured_rows
from barsctl.network_rows import header_and_rows
from barsctl.run_folder import Json, metrics_rows
from barsctl.scaled_reference import ReferenceChoice
from barsctl.train_result import read_result
from barsctl.tried import TRIED_FORMAT

from .report import Report


def search_config_report(path: Path) -> Report:
    """What a search was asked for."""
    from barsctl.search_run import search_config

    config = search_config(json.loads(path.read_bytes()), what=str(path))
    return Report(
        "config of a search",
        {
            "space": config.space.name,
            "data": _data(config.data),
            "budgets": [str(budget) for budget in config.budgets],
            "tables": list(config.tables),
            "teacher": config.teacher,
            "kept": dict(config.kept),
            "epochs": config.settings.epochs,
            "seed": config.settings.seed,
        },
    )


def train_config_report(path: Path) -> Report:
    """What a training was asked for."""
    from barsctl.training_run import train_config

    config = train_config(json.loads(path.read_bytes()), what=str(path))
    return Report(
        "config of a training",
        {
            "source": config.source,
            "data": _data(config.data),
            "teacher": config.teacher,
            "inherit": config.inherit,
            **_reference(config.reference),
            "epochs": config.settings.epochs,
            "real_weight_epochs": config.settings.real_weight_epochs,
            "seed": config.settings.seed,
        },
    )


def sweep_config_report(path: Path) -> Report:
    """What a sweep was asked for."""
    from barsctl.sweep_config import read_sweep_config

    config = read_sweep_config(path)
    return Report(
        "config of a sweep",
        {
            "spaces": [space.name for space in config.spaces],
            "data": _data(config.data),
            "budgets": [str(budget) for budget in config.budgets],
            "tables": list(config.tables),
            "seeds": list(config.seeds),
        },
    )


def cell_report(path: Path) -> Report:
    """What came out of a sweep's cell."""
    from barsctl.sweep import read_cell

    return Report("result of a sweep's cell", {**asdict(read_cell(path))})


def _reference(choice: ReferenceChoice | None) -> dict[str, Json]:
    if choice is None:
        return {}
    return {
        "channels": choice.channels,
        "stem": choice.stem,
        "stages": choice.stages,
        "budgets": [str(budget) for budget in choice.budgets],
        "tables": list(choice.tables),
    }


def _data(choice: DataChoice) -> str:
    return choice.name if choice.data_dir is None else f"{choice.name} ({choice.data_dir})"


def result_report(path: Path) -> Report:
    """What a training came to."""
    result = read_result(path)
    told = {} if result.searched is None else asdict(result.searched)
    searched: dict[str, Json] = {f"searched_{name}": share for name, share in told.items()}
    return Report(
        "result of a training",
        {
            "best_epoch": result.best_epoch,
            "validation_accuracy": result.validation_accuracy,
            "test_accuracy": result.test_accuracy,
            **searched,
        },
    )


def metrics_report(path: Path) -> Report:
    """How many epochs, and the last one's metrics."""
    rows = metrics_rows(path)
    return Report("metrics of a run", {"epochs": len(rows), "last": rows[-1] if rows else None})


def judged_report(path: Path) -> Report:
    """What networks were judged on, and the most accurate one's accuracy."""
    header, rows = header_and_rows(path, JUDGED_FORMAT)
    return Report(
        "judged networks of a search",
        {
            "checkpoint": header.checkpoint,
            "device": header.device,
            "held_out_images": header.held_out_images,
            "networks": len(rows),
            "best_accuracy": max((row.accuracy for row in rows), default=None),
        },
    )


def tried_report(path: Path) -> Report:
    """How networks were tried, and the least loss."""
    header, rows = header_and_rows(path, TRIED_FORMAT)
    return Report(
        "tried networks of a search",
        {
            "device": header.device,
            "trial_epochs": header.trial_epochs,
            "networks": len(rows),
            "least_loss": min((row.loss for row in rows if row.loss is not None), default=None),
            "best_accuracy": max(
                (row.accuracy for row in rows if row.accuracy is not None), default=None
            ),
        },
    )


def measured_report(path: Path) -> Report:
    """How many networks were measured whole, and where."""
    rows = measured_rows(path)
    return Report(
        "measured networks of a search",
        {
            "networks": len({each.network for each in rows}),
            "measured": len(rows),
            "targets": [*sorted({each.target for each in rows})],
            "places": [*sorted({each.place for each in rows})],
        },
    )
