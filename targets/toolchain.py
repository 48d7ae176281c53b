"""C compilers and linkers for every target, from the Python package ziglang: no root, no sysroot.

Every command runs inside one folder with relative names, so that no path of this machine gets into
a program. Zig keeps C libraries in a cache of the user's that parallel processes may share.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .elf import strip_linked
from .errors import TargetError
from .target import Target

Notify = Callable[[str], None]

# Only the kernels are compiled for one processor: all else is for any of the machine, so that its
# C library is built once. Flags at the link choose how that library is built: for speed, as kernels
# call its memcpy. What is written in C only waits and reads files: it is built to be small.
_NO_UNWINDING = ("-fno-unwind-tables", "-fno-asynchronous-unwind-tables")
_C_FLAGS = (
    "-std=c99",
    "-Os",
    "-g0",
    "-fno-sanitize=all",
    "-ffunction-sections",
    "-fdata-sections",
    *_NO_UNWINDING,
)
# A board has no loader that would move a program, and its compilers make enumerations short.
_SYSTEM_FLAGS, _BOARD_FLAGS = ("-fPIC",), ("-ffreestanding", "-fshort-enums")
_LINK_FLAGS = ("-O2", *_NO_UNWINDING, "-Wl,--gc-sections", "-Wl,--build-id=none")
_ADDED_BY_TVM = "SECTIONS { /DISCARD/ : { *(.debug_*) *(.text.tvm.fp16.conv) } }\n"
_NO_SYSTEM = ("-nostdlib", "-lcompiler_rt", "-Wl,-z,max-page-size=64")


def core_count() -> int:
    """The cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Toolchain:
    """Tools for one target that work in one folder; `notify` hears what takes long."""

    target: Target
    folder: Path
    notify: Notify

    def compile(self, sources: Iterable[Path], *, include: Path) -> list[str]:
        """Compile C and assembly into objects of the same name; returns their names.

        Sources outside the folder, given by absolute paths, are compiled once for all programs.
        """

        def compiled(source: Path) -> str:
            output = f"{source.stem}.o"
            kind = _BOARD_FLAGS if self.target.is_bare_metal else _SYSTEM_FLAGS
            words = ("-c", *_C_FLAGS, *kind, f"-I{include}", "-I.", str(source), "-o", output)
            self._run("cc", *words, cache=zig_cache() if source.is_absolute() else None)
            return output

        with ThreadPoolExecutor(core_count()) as pool:
            return list(pool.map(compiled, sources))

    def strip(self, object_file: str) -> None:
        """Take out of an object what TVM adds to it: debug sections, and half floats in software.

        Code and constants stay as they are. Raises TargetError where something calls what goes.
        """
        (self.folder / "strip.ld").write_text(_ADDED_BY_TVM)
        # A linker, as zig's objcopy takes programs alone.
        self._run("ld.lld", "-r", "-T", "strip.ld", object_file, "-o", f"stripped-{object_file}")
        (self.folder / f"stripped-{object_file}").replace(self.folder / object_file)

    def link_program(self, objects: Sequence[str], output: str, *, symbols: bool = False) -> None:
        """Link a static executable, which needs no libraries on the board.

        symbols: whether the names of its functions stay in it, for tools that look into it.
        """
        self._build_libc_once()
        self._run("cc", "-static", *_LINK_FLAGS, *objects, "-o", output)
        if not symbols:
            strip_linked(self.folder / output)

    def link_firmware(
        self, objects: Sequence[str], output: str, *, script: str, entry: str
    ) -> None:
        """Link what a board without an operating system holds if it needs a function."""
        self._run(
            "cc", *_NO_SYSTEM, f"-Wl,-T,{script}", f"-Wl,-e,{entry}", *_LINK_FLAGS,
            *objects, "-o", output,
        )  # fmt: skip
        strip_linked(self.folder / output)

    def link_library(self, objects: Sequence[str], output: str, *, exports: Sequence[str]) -> None:
        """Link a shared library that needs no other, whichever C library the board has."""
        self._link_shared(["-Wl,-z,defs", f"-Wl,-soname,{output}", *objects], output, exports)

    def link_module(self, objects: Sequence[str], output: str, *, exports: Sequence[str]) -> None:
        """Link a shared library that uses the C library of the process that loads it."""
        self._link_shared(objects, output, exports)

    def _link_shared(self, words: Sequence[str], output: str, exports: Sequence[str]) -> None:
        script = self.folder / "exports.map"
        script.write_text(f"{{ global: {' '.join(f'{name};' for name in exports)} local: *; }};\n")
        self._run(
            "cc", "-shared", "-nostdlib", "-lcompiler_rt", f"-Wl,--version-script={script.name}",
            *_LINK_FLAGS, *words, "-o", output,
        )  # fmt: skip
        strip_linked(self.folder / output)

    def archive(self, objects: Sequence[str], output: str) -> None:
        """Gather objects in a static library."""
        self._run("ar", "rcsD", output, *objects)

    def _build_libc_once(self) -> None:
        """Say why the first program for a target takes long, and remember that it was built."""
        target = self.target
        kind = sha256(" ".join(_LINK_FLAGS).encode()).hexdigest()[:8]
        marker = zig_cache() / f"barsctl-{_zig_version()}-{target.zig_triple}-{kind}"
        if marker.exists():
            return
        self.notify(f"building the C library for {target.machine}, once, in a minute or two")
        (self.folder / "nothing.c").write_text("int main(void) { return 0; }\n")
        self._run("cc", "-static", *_LINK_FLAGS, "nothing.c", "-o", "nothing")
        marker.touch()

    def _run(self, tool: str, *words: str, cache: Path | None = None) -> None:
        run_zig(tool, *words, target=self.target, folder=self.folder, cache=cache)


def run_zig(
    tool: str, *words: str, target: Target, folder: Path, cache: Path | None = None
) -> None:
    """Run one of zig's tools, "cc", "c++", "ar" or "ld.lld", in a folder.

    cache: where zig keeps what it builds, None for a place in the folder. Raises TargetError where
    ziglang is missing or the tool fails.
    """
    _zig_version()
    for_target: tuple[str, ...] = ()
    if tool in ("cc", "c++"):
        for_target = ("-target", target.zig_triple, *_processor(target))
    finished = subprocess.run(
        [sys.executable, "-m", "ziglang", tool, *for_target, *words],
        cwd=folder,
        env=_environment(cache or Path(".zig-cache")),
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode != 0:
        raise TargetError(
            f"zig {tool} for {target.name} failed (exit {finished.returncode}): "
            f"{_reason(finished.stderr)}"
        )


def _processor(target: Target) -> tuple[str, ...]:
    return (f"-mcpu={target.zig_cpu}",) if target.zig_cpu else ()


def zig_cache() -> Path:
    """Where built C libraries stay: ZIG_GLOBAL_CACHE_DIR if set, else in the user's cache."""
    chosen = os.environ.get("ZIG_GLOBAL_CACHE_DIR")
    user_cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(chosen) if chosen else Path(user_cache) / "barsctl" / "zig"


def _environment(cache: Path) -> dict[str, str]:
    """What zig builds for one program stays in `cache`, C libraries for all in the user's."""
    places = {"ZIG_GLOBAL_CACHE_DIR": str(zig_cache()), "ZIG_LOCAL_CACHE_DIR": str(cache)}
    return {**os.environ, **places}


def _zig_version() -> str:
    try:
        return version("ziglang")
    except PackageNotFoundError:
        raise TargetError(
            "compiling needs the package ziglang, which is not installed here; "
            "run: pip install 'barsctl[compile]'"
        ) from None


def _reason(stderr: str) -> str:
    """The first line that speaks of an error, else the last."""
    lines = stderr.strip().splitlines() or ["it gave no reason"]
    return next((line for line in lines if "error" in line), lines[-1])
