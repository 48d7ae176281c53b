"""Inspecting a file, or a folder of them."""

from collections.abc import Iterator
from pathlib import Path

from barsctl.errors import BarsError
from barsctl.run_folder import CONFIG
from costmodels.errors import CostError
from space.errors import SpaceError
from targets.manifest import FILE

from .kinds import reader_of
from .report import Details, ForeignError, Report

# Of a run: its package, its targets.
_DEEPEST = 3


def inspect(path: Path) -> Report:
    """What a file or folder of ours is and holds.

    Raises ForeignError where it is none of ours, another of our errors where it is damaged, OSError
    where it cannot be read.
    """
    return _folder_report(path) if path.is_dir() else _file_report(path)


def _file_report(path: Path) -> Report:
    try:
        return reader_of(path)(path)
    except (CostError, SpaceError) as error:
        # Rules of networks and tables are checked where no file is known.
        told = str(error)
        raise BarsError(told if str(path) in told else f"{path}: {told}") from error


def _folder_report(folder: Path) -> Report:
    if (folder / CONFIG).is_file():
        config = inspect(folder / CONFIG)
        kind = config.kind.replace("config", "folder")
        return Report(kind, config.details | {"files": _files(folder)})
    if (folder / FILE).is_file():
        manifest = inspect(folder / FILE)
        return Report("compiled network", manifest.details | {"files": _files(folder)})
    if any(folder.glob(f"*/{FILE}")):
        return Report("package of compiled networks", {"files": _files(folder)})
    raise ForeignError(
        f"{folder} has no {CONFIG} and no {FILE}; give the folder of a run or a package, or a file"
    )


def _files(folder: Path) -> Details:
    """The kind of each file that is ours, by its place."""
    return {
        str(path.relative_to(folder)): report.kind for path, report in _reports(folder, _DEEPEST)
    }


def _reports(folder: Path, depth: int) -> Iterator[tuple[Path, Report]]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir() and depth > 1:
            yield from _reports(path, depth - 1)
        elif path.is_file():
            try:
                yield path, inspect(path)
            except ForeignError:
                continue  # people keep other files there too, as TensorBoard does
