import platform
from pathlib import Path

import pytest

from targets import host
from targets.boards import AARCH64, CORTEX_A76, X86_64_V3, X86_64_VPOPCNT
from targets.catalog import TARGETS, named_target
from targets.errors import TargetError
from targets.host import cpu_flags, host_target, lack, runs_here, runs_natively
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
