from pathlib import Path

import pytest

from barsctl import doctor
from barsctl.doctor import CHECKS, Check, examine, import_trouble, installed_version


def test_this_machine_passes_what_is_needed() -> None:
    checks = examine()
    assert len(checks) == len(CHECKS)
    assert [check for check in checks if check.needed and not check.ok] == []
    # A failed check has a remedy, a passed one needs none.
    assert all(bool(check.remedy) != check.ok for check in checks)


def test_crashing_import_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dies_at_import.py").write_text("import os\nos.abort()\n")
    (tmp_path / "fails_at_import.py").write_text("raise ImportError('no libfoo.so')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert import_trouble("dies_at_import") == "import fails: exit -6"
    assert import_trouble("fails_at_import") == "import fails: ImportError: no libfoo.so"
    assert import_trouble("json") == ""


def test_crashing_tvm_ffi_release_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "installed_version", lambda _: "0.1.15.post1")
    check = doctor.check_tvm_ffi()
    assert check == Check(
        "tvm-ffi", ok=False, needed=False, found="0.1.15.post1",
        remedy="pip install apache-tvm-ffi==0.1.14.post1; other releases crash in tensorize",
    )  # fmt: skip


def test_missing_emulator_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    check = doctor.check_emulators()
    assert (check.ok, check.needed, check.found) == (False, False, "none")
    assert "qemu-aarch64, qemu-arm" in check.remedy


def test_missing_models_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    check = doctor.check_llvm()
    assert (check.ok, check.needed, check.found) == (False, False, "none")
    assert check.remedy.startswith("llvm-mca-22, llvm-objdump-22 of LLVM 22")


def test_file_in_place_of_the_cache_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ZIG_GLOBAL_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert doctor.check_cache().ok
    (tmp_path / "barsctl").write_text("")
    assert str(tmp_path / "barsctl") in doctor.check_cache().remedy


def test_missing_distribution_has_no_version() -> None:
    assert installed_version("no-such-distribution") is None
