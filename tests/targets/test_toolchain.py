import subprocess
import sys
from pathlib import Path

import pytest

from targets.boards import AARCH64
from targets.catalog import named_target
from targets.errors import TargetError
from targets.toolchain import Toolchain, zig_cache

ROOT = Path(__file__).parents[2]


def quiet(message: str) -> None:
    del message


def test_compiler_errors_become_one_line(tmp_path: Path) -> None:
    (tmp_path / "bad.c").write_text("int main(void) { return nothing_declared; }\n")
    toolchain = Toolchain(AARCH64, tmp_path, quiet)
    with pytest.raises(TargetError, match=r"^zig cc for aarch64 failed \(exit 1\): bad.c:1:25: "):
        toolchain.compile([Path("bad.c")], include=tmp_path)


def test_linker_errors_name_the_symbol(tmp_path: Path) -> None:
    (tmp_path / "lost.c").write_text("int missing(void); int lost(void) { return missing(); }\n")
    toolchain = Toolchain(named_target("host"), tmp_path, quiet)
    objects = toolchain.compile([Path("lost.c")], include=tmp_path)
    with pytest.raises(TargetError, match=r"failed \(exit 1\): .*undefined symbol: missing"):
        toolchain.link_library(objects, "liblost.so", exports=["lost"])


def test_program_may_be_named_like_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("demo")
    folder.mkdir()
    (folder / "main.c").write_text("int main(void) { return 7; }\n")
    toolchain = Toolchain(named_target("host"), folder, quiet)
    toolchain.link_program(toolchain.compile([Path("main.c")], include=folder), "demo")
    assert subprocess.run([folder / "demo"], check=False).returncode == 7


def test_user_chooses_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZIG_GLOBAL_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert zig_cache() == Path("/caches/barsctl/zig")
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", "/elsewhere")
    assert zig_cache() == Path("/elsewhere")


def test_missing_ziglang_names_the_remedy(tmp_path: Path) -> None:
    """In a process without site-packages, where only the standard library is left."""
    program = (
        "from targets.toolchain import Toolchain\nfrom targets.boards import AARCH64\n"
        "from pathlib import Path\n"
        f"Toolchain(AARCH64, Path({str(tmp_path)!r}), print).archive([], 'x.a')"
    )
    command = [sys.executable, "-S", "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        "targets.errors.TargetError: compiling needs the package ziglang, which is not installed "
        "here; run: pip install 'barsctl[compile]'"
    )
