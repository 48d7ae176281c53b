"""TVM's libraries for any machine, from the wheels of the versions that are installed here."""

import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, ZipFile

from targets.ending import last_line
from targets.errors import TargetError
from targets.toolchain import Notify

# The C library that the wheels are built for, and all that the agent may expect of a board.
GLIBC = "2.28"
MACHINES = ("aarch64", "x86_64")
# In a wheel as in a folder of installed packages. The compiler, 50 times the size, is left out.
LIBRARIES = {
    "apache-tvm": "tvm/lib/libtvm_runtime.so",
    "apache-tvm-ffi": "tvm_ffi/lib/libtvm_ffi.so",
}


def runtime_libraries(machine: str, *, wheels: Path | None, notify: Notify) -> dict[str, bytes]:
    """TVM's runtime and its FFI library for a machine, by file name.

    wheels: a folder with the wheels of both; None takes this machine's from where they are
    installed, and downloads others. Raises TargetError where they are not to be had.
    """
    if machine not in MACHINES:
        raise TargetError(
            f"TVM has no library for {machine}, only for {' and '.join(MACHINES)}; "
            "use --on emulated or modelled for this target"
        )
    if wheels is not None:
        return _from_wheels(wheels, machine)
    if machine == platform.machine():
        paths = [_site_packages() / inside for inside in LIBRARIES.values()]
        return {path.name: path.read_bytes() for path in paths}
    notify(f"downloading TVM for {machine}, about 100 MB")
    with _downloaded(machine) as folder:
        return _from_wheels(folder, machine)


def ffi_headers() -> Path:
    """The include folder of TVM's FFI, the same for all machines."""
    return _site_packages() / "tvm_ffi" / "include"


def _site_packages() -> Path:
    """Where the installed packages lie, found without importing them: that takes seconds."""
    _versions()
    found = find_spec("tvm_ffi")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parents[1]


def _versions() -> dict[str, str]:
    try:
        return {name: version(name) for name in LIBRARIES}
    except PackageNotFoundError as error:
        raise TargetError(
            f"the agent is built with the package {error.name}, which is not installed here; "
            "run: pip install 'barsctl[compile]'"
        ) from None


def _from_wheels(folder: Path, machine: str) -> dict[str, bytes]:
    libraries = {}
    for name, wanted in _versions().items():
        inside = LIBRARIES[name]
        wheel = _wheel(folder, f"{name.replace('-', '_')}-{wanted}", machine)
        try:
            with ZipFile(wheel) as archive:
                libraries[Path(inside).name] = archive.read(inside)
        except (BadZipFile, KeyError) as error:
            raise TargetError(f"{wheel}: {error}; download it again") from None
    return libraries


def _wheel(folder: Path, start: str, machine: str) -> Path:
    pattern = f"{start}-*_{machine}.whl"
    found = sorted(folder.glob(pattern))
    if not found:
        raise TargetError(
            f"{folder} has no {pattern}, of the version that is installed here; get it with: "
            f"python -m pip {' '.join(_download_words(machine, folder))}"
        )
    return found[0]


def _download_words(machine: str, folder: Path) -> list[str]:
    wanted = [f"{name}=={number}" for name, number in _versions().items()]
    tag = f"manylinux_{GLIBC.replace('.', '_')}_{machine}"
    return [
        "download", "--no-deps", "--only-binary=:all:", "--platform", tag, "--dest", str(folder),
        *wanted,
    ]  # fmt: skip


@contextmanager
def _downloaded(machine: str) -> Iterator[Path]:
    """A folder with the wheels, while it is needed."""
    with TemporaryDirectory(prefix="barsctl-wheels-") as name:
        quick = ("--quiet", "--retries", "1", "--disable-pip-version-check")
        command = [sys.executable, "-m", "pip", *_download_words(machine, Path(name)), *quick]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise TargetError(
                f"TVM's wheels for {machine} could not be downloaded: {last_line(done.stderr)}; "
                "download them where there is a network, and give their folder with --wheels"
            )
        yield Path(name)
