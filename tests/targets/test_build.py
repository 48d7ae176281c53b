import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from space.blocks import BinaryConv, Classifier, Conv, Epilogue, Pool, Sum
from targets.boards import (
    AARCH64,
    ARMV7,
    CORTEX_A72,
    CORTEX_A76,
    X86_64_V2,
    X86_64_V3,
    X86_64_VPOPCNT,
)
from targets.build import kernel_hash, object_file
from targets.build_request import BuildRequest, TiledKernel, request_from_json, request_to_json
from targets.errors import TargetError
from targets.kernel_specs import kernel_specs
from targets.target import Target
from targets.vector_unit import AVX512, Tile

from .kernel_object import kernel_object

BLOCKS = (
    BinaryConv((8, 40), 16, 3, 2, 5, Epilogue(activation="prelu", inner_signs=1)),
    Conv(3, 8, 3, 1, 4, True, Epilogue()),
    Sum(8, 2, Epilogue(shortcuts=2, inner_signs=1)),
    Pool("max", 8, 8, 8, 3, 2, 4, Epilogue(inner_signs=1)),
    Classifier((8,), 10, 2),
)
SPECS = [kernel_specs(block)[0] for block in BLOCKS]
SUM = [SPECS[2]]


@pytest.mark.parametrize(
    "target",
    [X86_64_VPOPCNT, X86_64_V3, X86_64_V2, AARCH64, CORTEX_A72, CORTEX_A76, ARMV7],
    ids=lambda target: target.name,
)
def test_objects_need_only_memory_functions(target: Target) -> None:
    kernel_object(SPECS, target)


def test_equal_requests_give_equal_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where another process builds them, with other hashes and addresses."""
    found = object_file(SPECS, ARMV7)
    monkeypatch.setenv("PYTHONHASHSEED", "1")
    assert object_file([*reversed(SPECS), SPECS[0]], ARMV7) == found


def test_threads_build_at_the_same_time() -> None:
    wanted = [object_file(SUM, target) for target in (ARMV7, AARCH64)]
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda target: object_file(SUM, target), [ARMV7, AARCH64] * 2)
    assert list(found) == wanted * 2


def test_unknown_processor_is_refused() -> None:
    with pytest.raises(TargetError, match=r"LLVM knows no processor 'cortex-a999'.*-mcpu"):
        object_file(SUM, replace(AARCH64, llvm_cpu="cortex-a999"))


def test_unknown_feature_is_refused() -> None:
    with pytest.raises(TargetError, match=r"LLVM knows no feature '\+neno'.*-mattr"):
        object_file(SUM, replace(ARMV7, llvm_features=("+neno",)))


def test_missing_instruction_ends_the_worker_only() -> None:
    lying = replace(X86_64_V3, vector_unit=AVX512)
    with pytest.raises(TargetError, match=r"^conv\(.*died of SIGABRT.*every instruction"):
        object_file([SPECS[1]], lying)


def test_no_file_of_the_user_is_taken_for_a_module(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "targets.py").write_text("raise SystemExit('a file of the user')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONHASHSEED", "2")  # so that a new process starts here
    assert object_file(SUM, ARMV7).startswith(b"\x7fELF")


def test_request_survives_its_text() -> None:
    kernels = (TiledKernel(BLOCKS[0], Tile(16, 3)), TiledKernel(BLOCKS[2], None))
    request = BuildRequest(ARMV7, kernels, "/tmp/kernels.o")
    assert request_from_json(request_to_json(request)) == request


def test_kernel_hash_is_sixteen_hex_digits() -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", kernel_hash())
