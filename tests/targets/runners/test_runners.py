"""Choosing how to run a program, on stand-ins written as shell scripts or bare ELF headers."""

import platform
import struct
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from targets.boards import AARCH64, ARMV7, X86_64_V4
from targets.elf import elf_machine
from targets.errors import TargetError
from targets.host import host_target
from targets.runners import runnable
from targets.runners.emulated import emulated_program
from targets.runners.local import local_program
from targets.runners.program import NotRunnable, Program

ELF_MACHINES = {"x86_64": 62, "aarch64": 183, "armv7l": 40}


def elf_file(folder: Path, machine: int) -> Path:
    path = folder / "program"
    path.write_bytes(b"\x7fELF" + bytes(14) + struct.pack("<H", machine))
    return path


def script(folder: Path, text: str) -> Program:
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return Program((str(path),), emulated=False)


@pytest.mark.parametrize("machine", ELF_MACHINES)
def test_machine_of_a_program_is_read(tmp_path: Path, machine: str) -> None:
    assert elf_machine(elf_file(tmp_path, ELF_MACHINES[machine])) == machine


def test_other_files_are_no_programs(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"ELF machine 243 is none of armv7l, x86_64, aarch64"):
        elf_machine(elf_file(tmp_path, 243))
    (tmp_path / "program").write_bytes(b"\x7fELF")
    with pytest.raises(TargetError, match=r"program: this is no ELF file; give a compiled"):
        elf_machine(tmp_path / "program")
    with pytest.raises(TargetError, match=r"none: No such file or directory; give a compiled"):
        elf_machine(tmp_path / "none")


def test_own_programs_run_without_an_emulator(tmp_path: Path) -> None:
    path = elf_file(tmp_path, ELF_MACHINES[platform.machine()])
    assert runnable(path, host_target()) == Program((str(path),), emulated=False)


def test_lacking_instructions_are_named(tmp_path: Path) -> None:
    path = elf_file(tmp_path, ELF_MACHINES[platform.machine()])
    target = replace(host_target(), cpu_flags=frozenset({"warp", "drive"}))
    assert local_program(path, target) == NotRunnable(
        "program needs drive, warp, which this processor lacks"
    )


def test_missing_emulators_are_named(tmp_path: Path) -> None:
    other = AARCH64 if platform.machine() != "aarch64" else ARMV7
    path = elf_file(tmp_path, ELF_MACHINES[other.machine])
    target = replace(other, emulator=("qemu-of-nothing", "-cpu", "x"))
    found = runnable(path, target)
    assert isinstance(found, NotRunnable)
    assert found.reason == (
        f"program is for {other.machine}, this machine is {platform.machine()}; "
        "qemu-of-nothing is not installed; on Debian: apt install qemu-user"
    )
    assert emulated_program(path, X86_64_V4) == NotRunnable("target x86-64-v4 names no emulator")


def test_failing_programs_are_told_in_one_line(tmp_path: Path) -> None:
    images = np.zeros((1, 2, 2, 1), np.uint8)
    with pytest.raises(TargetError, match=r"program failed \(exit 3\): last$"):
        script(tmp_path, "echo first >&2; echo last >&2; exit 3").logits(images)
    with pytest.raises(TargetError, match=r"program failed \(SIGILL\): it said nothing$"):
        script(tmp_path, "kill -ILL $$").logits(images)
    with pytest.raises(TargetError, match=r"none: No such file or directory; it cannot be started"):
        Program((str(tmp_path / "none"),), emulated=False).latency(runs=1)


def test_many_images_are_classified_in_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stand-in answers with the number of images that it is asked about, and no more."""
    program = script(
        tmp_path,
        f"{sys.executable} -c 'import sys, numpy as np; _, _, answer, images = sys.argv;"
        'count = len(np.load(images)); np.save(answer, np.full((count, 1), count))\' "$@"',
    )
    monkeypatch.setattr("targets.runners.program.LARGEST_BATCH_BYTES", 3 * 4)
    monkeypatch.setattr("targets.runners.program.LARGEST_EMULATED_BATCH_BYTES", 2 * 4)
    images = np.zeros((7, 2, 2, 1), np.uint8)
    assert program.logits(images)[:, 0].tolist() == [3, 3, 3, 3, 3, 3, 1]
    emulated = replace(program, emulated=True)
    assert emulated.logits(images)[:, 0].tolist() == [2, 2, 2, 2, 2, 2, 1]
    assert program.logits(images[:0]).shape == (0, 1)


def test_latency_says_whether_it_was_emulated(tmp_path: Path) -> None:
    answer = '{"runs": 3, "median_ms": 2.0, "p10_ms": 1.0, "p90_ms": 3.0}'
    program = script(tmp_path, f"echo '{answer}'")
    assert program.latency(runs=3).kind == "measured"
    assert replace(program, emulated=True).latency(runs=3).kind == "emulated"
    assert program.latency(runs=3).median_ms == 2.0
