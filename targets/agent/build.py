"""Building the agent: a program and TVM's libraries, in a folder and an archive to copy."""

import gzip
import tarfile
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from targets.errors import TargetError
from targets.target import Target
from targets.toolchain import Notify, run_zig

from .wheels import GLIBC, ffi_headers, runtime_libraries

PROGRAM = "barsctl-agent"
_SOURCES = Path(__file__).parent / "device"
# The board's C library and nothing else: see device/functions.cc for the C++ library.
_FLAGS = (
    "-std=c++17", "-O2", "-g0", "-fno-sanitize=all", "-fno-exceptions", "-fno-rtti", "-nostdlib++",
    "-Wl,-rpath,$ORIGIN", "-Wl,--build-id=none", "-s",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AgentFiles:
    """What is copied to a board: the folder, or the archive of it."""

    folder: Path
    archive: Path


def build_agent(target: Target, folder: Path, *, wheels: Path | None, notify: Notify) -> AgentFiles:
    """Build the agent for a target's machine; files that are there are replaced once all are ready.

    wheels: a folder with TVM's wheels for that machine, None to find them. notify: hears what takes
    long. Raises TargetError where it cannot be built, or where other files would be replaced.
    """
    if folder.name in ("", ".."):  # no name that the archive beside it could have
        folder = folder.resolve()
    archive = folder.with_name(f"{folder.name}.tar.gz")
    _require_own(folder, archive)
    libraries = runtime_libraries(target.machine, wheels=wheels, notify=notify)
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".building-", dir=folder) as name:
        work = Path(name)
        for file, data in libraries.items():
            (work / file).write_bytes(data)
        notify(f"compiling the agent for {target.machine}")
        _compile(target, work, tuple(libraries))
        (work / "README.txt").write_bytes((_SOURCES / "README.txt").read_bytes())
        files = (PROGRAM, *libraries, "README.txt")
        _pack(work, files, root=folder.name, output=work / archive.name)
        for file in files:
            (work / file).replace(folder / file)
        (work / archive.name).replace(archive)
    return AgentFiles(folder, archive)


def _require_own(folder: Path, archive: Path) -> None:
    """Only what an earlier build left is replaced, of which the program comes first."""
    if (folder / PROGRAM).exists():
        return
    if folder.exists() and not folder.is_dir():
        raise TargetError(f"{folder} is a file; the agent needs a folder: choose another --out")
    if folder.exists() and any(not each.name.startswith(".") for each in folder.iterdir()):
        raise TargetError(
            f"{folder} is not empty; the agent needs a folder of its own: choose another --out"
        )
    if archive.exists():
        raise TargetError(
            f"{archive} is there and no agent beside it; the agent's archive would replace it: "
            "move it away, or choose another --out"
        )


def _compile(target: Target, work: Path, libraries: tuple[str, ...]) -> None:
    sources = [str(path) for path in sorted(_SOURCES.glob("*.cc"))]
    # The program calls nothing of the runtime by name, and still needs what it registers.
    linked = ("-Wl,--no-as-needed", *libraries)
    run_zig(
        "c++", *_FLAGS, f"-I{ffi_headers()}", *sources, *linked, "-o", PROGRAM,
        target=replace(target, zig_triple=f"{target.machine}-linux-gnu.{GLIBC}"), folder=work,
    )  # fmt: skip


def _pack(work: Path, files: tuple[str, ...], *, root: str, output: Path) -> None:
    """Write an archive that is the same for the same files, whoever builds it and when."""
    with (
        output.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for file in files:
            entry = tarfile.TarInfo(f"{root}/{file}")
            entry.size = (work / file).stat().st_size
            entry.mode = 0o644 if file.endswith(".txt") else 0o755
            with (work / file).open("rb") as content:
                archive.addfile(entry, content)
