"""What is read of ELF files, and taken out of them, against the tools of this machine."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from targets.elf import loaded_sections, read_elf, strip_linked
from targets.errors import TargetError

# Sections of every kind: constants, code, variables with and without values.
SOURCE = """
#include <string.h>
static int zeros[1000];
int ones[2] = {1, 1};
static const char text[] = "what is read";
int answer(void) { return zeros[3] + ones[1] + (int)strlen(text); }
int main(void) { return answer() - 13; }
"""
HEADER = 64  # bytes of 64 bits' ELF files, which tell where the sections' table is
FORMS = {"static": ["-static"], "dynamic": [], "library": ["-shared", "-fPIC"]}


def linked(folder: Path, name: str, *options: str) -> Path:
    (folder / "source.c").write_text(SOURCE)
    path = folder / name
    subprocess.run(["gcc", "-g", *options, "source.c", "-o", path], cwd=folder, check=True)
    return path


def said(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not done.stderr
    return done.stdout


@pytest.mark.parametrize("options", FORMS.values(), ids=FORMS)
def test_what_is_loaded_stays_alone(options: Sequence[str], tmp_path: Path) -> None:
    path, wanted = (linked(tmp_path, name, *options, "-Wl,--build-id=none") for name in "ab")
    strip_linked(path)
    assert loaded_sections(path) == loaded_sections(wanted)
    assert read_elf(path).exports == read_elf(wanted).exports
    assert said("readelf", "-lW", path) == said("readelf", "-lW", wanted)
    not_loaded = re.compile(r"\.(debug_.*|comment|symtab|strtab)")
    assert list(read_elf(path).sections) == [
        name for name in read_elf(wanted).sections if not not_loaded.fullmatch(name)
    ]
    (offset,) = re.findall(r" \.comment +PROGBITS +\w+ (\w+)", said("readelf", "-SW", wanted))
    loaded = slice(HEADER, int(offset, 16))
    assert path.read_bytes()[loaded] == wanted.read_bytes()[loaded]


@pytest.mark.parametrize("form", ["static", "dynamic"])
def test_stripped_program_runs(form: str, tmp_path: Path) -> None:
    path = linked(tmp_path, form, *FORMS[form])
    strip_linked(path)
    assert subprocess.run([path], check=False).returncode == 0


def test_cut_off_program_is_told(tmp_path: Path) -> None:
    path = linked(tmp_path, "program")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TargetError, match="lead out of the file"):
        strip_linked(path)
