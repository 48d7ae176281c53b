import shutil
from pathlib import Path

import pytest

from targets.catalog import named_target
from targets.compile import Artefacts
from targets.errors import TargetError
from targets.host import runs_here
from targets.stack_use import stack_bytes
from targets.toolchain import Toolchain

HEADER = """\
#include <stdint.h>
#define DEEP_ARENA_BYTES 64
#define DEEP_ARENA_ALIGNMENT 64
#define DEEP_IMAGE_BYTES 1
#define DEEP_CLASSES 1
int deep_run_in(void *arena, const uint8_t *image, int32_t *logits);
"""


def library(folder: Path, target_name: str, *, body: str) -> Artefacts:
    """A library whose network is a few lines of C."""
    (folder / "deep.h").write_text(HEADER)
    (folder / "deep.c").write_text(
        '#include "deep.h"\n'
        "int deep_run_in(void *arena, const uint8_t *image, int32_t *logits)\n"
        f"{{ (void)arena; (void)image; (void)logits; {body} }}\n"
    )
    toolchain = Toolchain(named_target(target_name), folder, lambda _: None)
    toolchain.archive(toolchain.compile([Path("deep.c")], include=folder), "libdeep.a")
    archive, header = folder / "libdeep.a", folder / "deep.h"
    return Artefacts(archive, archive, archive, header, archive, arena_bytes=64)


@pytest.mark.parametrize("target_name", ["host", "aarch64", "armv7"])
@pytest.mark.parametrize("size_bytes", [0, 5000, 100_000])
def test_touched_stack_is_counted(target_name: str, size_bytes: int, tmp_path: Path) -> None:
    target = named_target(target_name)
    if not runs_here(target) and shutil.which(target.emulator[0]) is None:
        pytest.skip(f"{target.emulator[0]} is not installed")
    touch = (
        f"volatile char room[{size_bytes}];"
        f"for (int i = 0; i < {size_bytes}; i++) room[i] = 1; return 0;"
    )
    files = library(tmp_path, target_name, body=touch if size_bytes else "return 0;")
    found = stack_bytes(files, target, lambda _: None)
    assert found is not None
    assert size_bytes <= found <= size_bytes + 256


def test_nothing_is_told_of_what_runs_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if runs_here(named_target("armv7")):
        pytest.skip("ARM runs here")
    files = library(tmp_path, "armv7", body="return 0;")
    monkeypatch.setenv("PATH", "")
    assert stack_bytes(files, named_target("armv7"), lambda _: None) is None


def test_failing_networks_are_an_error(tmp_path: Path) -> None:
    files = library(tmp_path, "host", body="return -1;")
    with pytest.raises(TargetError, match=r"libdeep.a: the program that measures its stack ended"):
        stack_bytes(files, named_target("host"), lambda _: None)
