"""Cycles by models of cores, of code whose cycles are known."""

import shutil

import pytest

from targets.boards import AARCH64, CORTEX_M4F, CORTEX_M7
from targets.emulation.core_model import modelled_cycles
from targets.emulation.costs import emulated_costs
from targets.emulation.disassembly import Stretch, stretches
from targets.errors import TargetError
from targets.target import Target
from tests.targets.timed_blocks import small_specs

SPECS = small_specs()
TOOLS = ("llvm-mca-22", "llvm-objdump-22")
needs_llvm = pytest.mark.skipif(
    not all(map(shutil.which, TOOLS)),
    reason=f"{' or '.join(TOOLS)} is not installed",
)
needs_emulator = pytest.mark.skipif(
    shutil.which(AARCH64.emulator[0]) is None, reason=f"{AARCH64.emulator[0]} is not installed"
)


def test_stretches_end_where_the_count_changes() -> None:
    code = {0: "mov", 4: "subs", 8: "b.ne", 12: "ret", 16: "nop", 20: "udf", 24: "add"}
    found = stretches(code, {0: 1, 4: 5, 8: 5, 12: 1, 24: 1})
    assert found == [
        Stretch(("mov",), 1),
        Stretch(("subs", "b.ne"), 5),
        Stretch(("ret",), 1),
        Stretch(("add",), 1),
    ]
    assert stretches(code, {}) == []


@needs_llvm
@pytest.mark.parametrize("core", ["cortex-a53", "cortex-a72", "neoverse-n1"])
def test_dependent_additions_take_a_cycle_each(core: str) -> None:
    chain = Stretch(("add x0, x0, x1",) * 10, executions=7)
    assert modelled_cycles([chain], AARCH64, core=core) == pytest.approx(70, rel=0.01)


@needs_llvm
@pytest.mark.parametrize("target", [CORTEX_M4F, CORTEX_M7], ids=lambda target: target.name)
def test_what_a_board_lacks_takes_a_cycle_each(target: Target) -> None:
    assert target.core is not None
    chain = Stretch(("add r0, r0, r1",) * 10, executions=7)
    # ARM's other instruction set, of the C library around the kernels.
    foreign = Stretch(("<unknown>",) * 3, executions=2)
    found = modelled_cycles([foreign, chain], target, core=target.core.llvm_cpu)
    assert found == pytest.approx(76, rel=0.01)


@needs_llvm
def test_branches_and_addresses_are_understood() -> None:
    code = Stretch(
        (
            "adrp x8, 0x1000000 <_DYNAMIC+0x1000000>",
            "bl 0x1014f28 <memset>",
            "tbz w15, #0x0, 0x1013410 <binary_conv_b2b2b2136a0bc9bd+0x1080>",
        ),
        executions=1,
    )
    assert modelled_cycles([code, code], AARCH64, core="cortex-a72") > 0
    assert modelled_cycles([], AARCH64, core="cortex-a72") == 0


@needs_llvm
def test_unknown_cores_are_named() -> None:
    code = [Stretch(("nop",), 1)]
    with pytest.raises(TargetError, match=r"LLVM has no model of 'cortex-x99' .*; name a core"):
        modelled_cycles(code, AARCH64, core="cortex-x99")


@needs_llvm
def test_code_that_no_assembler_reads_is_told_in_one_line() -> None:
    with pytest.raises(TargetError, match=r"^llvm-mca failed \(exit 1\): <stdin>:3:1: error: "):
        modelled_cycles([Stretch(("nonsense",), 1)], AARCH64, core="cortex-a72")


def test_missing_tools_name_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(TargetError, match=r"^llvm-mca-22 is not installed.*apt install llvm-22$"):
        modelled_cycles([Stretch(("nop",), 1)], AARCH64, core="cortex-a72")


@needs_llvm
@needs_emulator
def test_costs_come_in_the_order_of_specs() -> None:
    cores = ("cortex-a53", "cortex-a72")
    costs = emulated_costs(SPECS, AARCH64, cores=cores, notify=print)
    assert [cost.subject for cost in costs] == list(SPECS)
    for cost in costs:
        assert tuple(cost.cycles) == cores
        # Neither core starts more than three instructions a cycle; the first starts them in order.
        assert cost.instructions / 3 < cost.cycles["cortex-a72"] < cost.cycles["cortex-a53"]
    assert emulated_costs([], AARCH64, cores=cores, notify=print) == []


@needs_emulator
def test_instructions_need_no_model() -> None:
    (cost,) = emulated_costs(SPECS[:1], AARCH64, notify=print)
    assert cost.instructions > 0
    assert cost.cycles == {}
