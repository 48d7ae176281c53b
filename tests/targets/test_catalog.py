import platform
from pathlib import Path

import pytest

from targets import host
from targets.boards import AARCH64, CORTEX_A76, X86_64_V1, X86_64_V3, X86_64_V4, X86_64_VPOPCNT
from targets.catalog import TARGETS, named_target
from targets.errors import TargetError
from targets.host import (
    cpu_flags,
    fastest_target,
    host_target,
    lack,
    runs_here,
    runs_natively,
)
from targets.measuring.device import Device, require_executes
from targets.measuring.place import Place


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_bears_its_name(name: str) -> None:
    assert named_target(name).name == name


def test_unknown_target_is_refused_by_name() -> None:
    with pytest.raises(TargetError, match=r"target 'pi4' is not known.*cortex-a72"):
        named_target("pi4")


def test_flags_are_read_from_either_spelling() -> None:
    assert cpu_flags("processor\t: 0\nflags\t\t: avx avx2\n") == {"avx", "avx2"}
    assert cpu_flags("Features\t: fp asimd\n") == {"fp", "asimd"}
    assert cpu_flags("processor\t: 0\n") == frozenset()


def test_processor_needs_every_flag() -> None:
    flags = X86_64_VPOPCNT.cpu_flags
    assert runs_natively(X86_64_VPOPCNT, "x86_64", flags)
    assert runs_natively(X86_64_V3, "x86_64", flags)
    assert not runs_natively(X86_64_VPOPCNT, "x86_64", flags - {"avx512_vpopcntdq"})
    assert not runs_natively(AARCH64, "x86_64", flags | AARCH64.cpu_flags)
    assert runs_natively(CORTEX_A76, "aarch64", AARCH64.cpu_flags | {"asimddp"})
    assert not runs_natively(CORTEX_A76, "aarch64", AARCH64.cpu_flags)


def test_host_runs_here_without_emulator() -> None:
    host = host_target()
    assert runs_here(host)
    assert host.machine == platform.machine()
    assert host.emulator == ()
    assert named_target(host.processor).vector_unit == host.vector_unit


def test_processor_that_tells_no_flags_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is said to be lacking of which nothing is known."""
    silent = "has no line of flags or Features, .*: mount /proc"
    (tmp_path / "cpuinfo").write_text("processor : 0\n")
    monkeypatch.setattr(host, "_CPU_INFO", tmp_path / "cpuinfo")
    with pytest.raises(TargetError, match=silent):
        host_target()
    with pytest.raises(TargetError, match=f"rpc://pi:9090 is aarch64, but its .*{silent}"):
        require_executes(Device("aarch64", "processor : 0"), AARCH64, Place("rpc", "pi", 9090))
    assert "has no line of flags" in lack(AARCH64, frozenset(), where="this processor")
    assert lack(AARCH64, frozenset({"fp"}), where="it") == "needs asimd, which it lacks"


def arm(parts: tuple[str, ...], flags: str = "fp asimd evtstrm aes") -> str:
    """What /proc/cpuinfo says of cores of these parts."""
    core = "Features\t: {flags}\nCPU implementer\t: {maker}\nCPU part\t: {part}\n\n"
    return "".join(core.format(flags=flags, maker="0x41", part=part) for part in parts)


@pytest.mark.parametrize(
    ("cpu_info", "processor"),
    [
        (arm(("0xd0b",) * 4, "fp asimd asimdhp asimddp"), "cortex-a76"),  # Raspberry Pi 5
        (arm(("0xd08",) * 4), "cortex-a72"),  # Raspberry Pi 4
        (arm(("0xd03",) * 4), "aarch64"),  # Raspberry Pi 3
        (arm(("0xd03",) * 4 + ("0xd08",) * 2), "aarch64"),  # RK3399: either core may run it
        (arm(("0xd05",) * 4, "fp asimd asimddp"), "armv8.2-dotprod"),  # Cortex-A55
        (arm(("0xd05", "0xd0b"), "fp asimd asimddp"), "armv8.2-dotprod"),  # RK3588
        (arm(("0xd0b",), "fp asimd"), "aarch64"),  # a system that hides the dot products
        ("", None),
    ],
)
def test_arm_machine_gets_the_kernels_of_its_cores(cpu_info: str, processor: str | None) -> None:
    target = fastest_target("aarch64", cpu_info)
    assert (target and target.name) == processor


@pytest.mark.parametrize(
    ("flags", "processor"),
    [
        (X86_64_VPOPCNT.cpu_flags, "x86-64-vpopcnt"),
        (X86_64_V4.cpu_flags, "x86-64-v4"),
        (X86_64_V4.cpu_flags - {"avx512bw"}, "x86-64-v3"),
        (X86_64_V1.cpu_flags, "x86-64-v1"),
    ],
)
def test_x86_machine_gets_the_best_level_it_has(flags: frozenset[str], processor: str) -> None:
    target = fastest_target("x86_64", f"flags : {' '.join(flags)}\n")
    assert target is not None
    assert target.name == processor


def test_32_bit_arm_without_vfpv4_gets_the_cortex_a9() -> None:
    found = [fastest_target("armv7l", f"Features : {flags}\n") for flags in ("neon vfpv4", "neon")]
    assert [target and target.name for target in found] == ["armv7", "cortex-a9"]
