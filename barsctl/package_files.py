"""A package as its manifests tell of it, and whether its files are those that were compiled."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from targets.compile import Artefacts
from targets.described import described_artefacts, described_target
from targets.manifest import FILE, FileFields, Manifest, described, file_fields
from targets.target import Target

from .errors import BarsError
from .package_report import FROZEN, ONNX

_REMEDY = "give a folder that barsctl compile wrote, one target's folder in it, or its program"


@dataclass(frozen=True, slots=True)
class PackageFiles:
    """A package's folder, and what the manifests of its targets' folders say."""

    folder: Path
    manifests: dict[Path, Manifest]

    @property
    def compiled(self) -> list[tuple[Target, Artefacts]]:
        """The files of each target. Raises TargetError where this version lacks the target."""
        return [
            (described_target(manifest.target), described_artefacts(folder, manifest))
            for folder, manifest in self.manifests.items()
        ]


def find_package(place: Path) -> PackageFiles:
    """The package of a folder, or what a target's folder or a file in it is a part of.

    Raises BarsError where it is none, TargetError where a manifest breaks a rule.
    """
    if not place.exists():
        raise BarsError(f"{place} is not there; {_REMEDY}")
    place = place.resolve()
    if place.is_dir() and not (place / FILE).exists():
        folders = sorted(each.parent for each in place.glob(f"*/{FILE}"))
        if not folders:
            raise BarsError(f"{place} has no {FILE} in it or in its folders; {_REMEDY}")
        return PackageFiles(place, {each: described(each / FILE) for each in folders})
    folder = place if place.is_dir() else place.parent
    if not (folder / FILE).exists():
        raise BarsError(f"{place} has no {FILE} beside it; {_REMEDY}")
    manifest = described(folder / FILE)
    if place.is_file() and place.name not in (FILE, *manifest.files):
        raise BarsError(f"{place} is none of the files that its {FILE} tells of; {_REMEDY}")
    return PackageFiles(folder.parent, {folder: manifest})


def check_files(package: PackageFiles) -> int:
    """The number of files that have the SHA-256 that a manifest says.

    Raises BarsError that names all that have another, or are missing.
    """
    told = [
        (path, fields, folder / FILE)
        for folder, manifest in package.manifests.items()
        for path, fields in _told_files(package.folder, folder, manifest)
    ]
    wrong = filter(None, (_changed(path, fields, manifest) for path, fields, manifest in told))
    sentences = "; ".join(wrong)
    if sentences:
        raise BarsError(f"{sentences}; compile the network again")
    return len({path for path, _, _ in told})


def _told_files(
    package: Path, folder: Path, manifest: Manifest
) -> Iterator[tuple[Path, FileFields]]:
    missing = {FROZEN, ONNX} - set(manifest.network)
    if missing:
        raise BarsError(
            f"{folder / FILE} does not say from which {min(missing)} the program was made: its "
            "barsctl compile did not end; compile the network again"
        )
    yield from ((package / name, fields) for name, fields in manifest.network.items())
    yield from ((folder / name, fields) for name, fields in manifest.files.items())


def _changed(path: Path, fields: FileFields, manifest: Path) -> str:
    """What is wrong with a file; empty where nothing is."""
    if not path.is_file():
        return f"{path} is missing, and {manifest} tells of it"
    found = file_fields(path)
    if found["sha256"] == fields.sha256:
        return ""
    return (
        f"{path} has the SHA-256 {found['sha256'][:12]}... ({found['bytes']} bytes) and not "
        f"{fields.sha256[:12]}... ({fields.bytes} bytes) as {manifest} says"
    )
