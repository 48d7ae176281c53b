"""What this machine has of what barsctl needs: one check each, with its remedy."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from targets.boards import AARCH64, ARMV7, CORTEX_M4F
from targets.emulation.llvm_tools import LLVM_TOOLS
from targets.errors import TargetError
from targets.host import host_target
from targets.runners.emulated import package
from targets.toolchain import zig_cache

from .machine import cpu_name

# The one that apache-tvm 0.27 works with: later ones crash when a schedule is tensorized.
TVM_FFI_VERSION = "0.1.14.post1"
IMPORT_DEADLINE_S = 120
COMPILE_EXTRA = "pip install 'barsctl[compile]'"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. A failed check that is not `needed` takes away a part of barsctl only.

    remedy: what to do about it; empty where the check is passed.
    """

    name: str
    ok: bool
    needed: bool
    found: str
    remedy: str = ""


def examine() -> tuple[Check, ...]:
    """Every check; seconds, as heavy libraries are imported in processes of their own."""
    return tuple(check() for check in CHECKS)


def _check(name: str, found: str, problem: str, *, needed: bool) -> Check:
    """A check that fails where there is a problem, which is its remedy."""
    return Check(name, not problem, needed, found, problem)


def check_python() -> Check:
    """The interpreter is recent enough."""
    old = sys.version_info < (3, 11)
    return _check(
        "python", platform.python_version(), "use Python 3.11 or later" if old else "", needed=True
    )


def check_torch() -> Check:
    """Search and training need torch."""
    return _check_library("torch", "torch", "pip install torch", needed=True)


def check_onnxruntime() -> Check:
    """Compiled programs are compared with it."""
    remedy = "pip install onnxruntime"
    return _check_library("onnxruntime", "onnxruntime", remedy, needed=True)


def check_tvm() -> Check:
    """Kernels are compiled with it."""
    return _check_library("tvm", "apache-tvm", COMPILE_EXTRA, needed=False)


def check_tvm_ffi() -> Check:
    """It is the release that tvm works with."""
    found = installed_version("apache-tvm-ffi")
    remedy = f"pip install apache-tvm-ffi=={TVM_FFI_VERSION}; other releases crash in tensorize"
    return _check(
        "tvm-ffi", found or "missing", "" if found == TVM_FFI_VERSION else remedy, needed=False
    )


def check_ziglang() -> Check:
    """Programs are compiled and linked with it."""
    return _check_library("ziglang", "ziglang", COMPILE_EXTRA, needed=False)


def check_optuna() -> Check:
    """The workers of a sweep share its journal."""
    return _check_library("optuna", "optuna", "pip install 'barsctl[sweep]'", needed=False)


def _check_library(module: str, distribution: str, remedy: str, *, needed: bool) -> Check:
    found = installed_version(distribution)
    if found is None:
        return _check(module, "missing", remedy, needed=needed)
    trouble = import_trouble(module)
    if trouble:
        return _check(module, f"{found}, but {trouble}", f"reinstall it: {remedy}", needed=needed)
    return _check(module, found, "", needed=needed)


def installed_version(distribution: str) -> str | None:
    """The version of an installed distribution, None where it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def import_trouble(module: str) -> str:
    """Why a module cannot be imported, found in a process that may crash; empty where it can."""
    command = [sys.executable, "-c", f"import {module}"]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=IMPORT_DEADLINE_S
        )
    except subprocess.TimeoutExpired:
        return f"import takes more than {IMPORT_DEADLINE_S} s"
    if done.returncode == 0:
        return ""
    lines = done.stderr.strip().splitlines()
    return f"import fails: {lines[-1] if lines else f'exit {done.returncode}'}"


def check_emulators() -> Check:
    """Programs for other processors are verified under qemu."""
    packages = {each.emulator[0]: package(each) for each in (AARCH64, ARMV7, CORTEX_M4F)}
    missing = [name for name in packages if shutil.which(name) is None]
    found = ", ".join(name for name in packages if name not in missing) or "none"
    wanted = " ".join(dict.fromkeys(packages[name] for name in missing))
    remedy = f"apt install {wanted} for {', '.join(missing)}; else ARM programs go unverified"
    return _check("qemu", found, remedy if missing else "", needed=False)


def check_llvm() -> Check:
    """`profile --on modelled` takes cycles from LLVM's models of processors."""
    missing = [tool for tool in LLVM_TOOLS if shutil.which(tool) is None]
    remedy = f"{', '.join(missing)} of LLVM 22 (Debian's later releases: apt install llvm-22); "
    remedy += "else nothing is modelled"
    found = ", ".join(tool for tool in LLVM_TOOLS if tool not in missing) or "none"
    return _check("llvm", found, remedy if missing else "", needed=False)


def check_cpu() -> Check:
    """The vector instructions that kernels for `host` use."""
    try:
        host = host_target()
    except TargetError as error:
        return _check("cpu", platform.machine(), str(error), needed=False)
    instructions = " ".join((host.llvm_cpu, *host.llvm_features))
    found = f"{cpu_name()}, {os.cpu_count()} cores, {instructions}"
    return _check("cpu", found, "", needed=False)


def check_cache() -> Check:
    """The cross compiler keeps each target's C library there: building one takes a minute."""
    folder = zig_cache()
    place = next(each for each in (folder, *folder.parents) if each.exists())
    remedy = f"make {place} writable, or set XDG_CACHE_HOME to a folder that is"
    ok = place.is_dir() and os.access(place, os.W_OK | os.X_OK)
    return _check("cache", str(folder), "" if ok else remedy, needed=False)


CHECKS: tuple[Callable[[], Check], ...] = (
    check_python,
    check_cpu,
    check_torch,
    check_onnxruntime,
    check_tvm,
    check_tvm_ffi,
    check_ziglang,
    check_optuna,
    check_emulators,
    check_llvm,
    check_cache,
)
