import platform

import pytest

from targets.boards import AARCH64, CORTEX_A76, X86_64_V3, X86_64_VPOPCNT
from targets.catalog import TARGETS, named_target
from targets.errors import TargetError
from targets.host import cpu_flags, host_target, runs_here, runs_natively


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
