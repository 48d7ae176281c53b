import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from barsctl import profile as profiling
from barsctl.errors import BarsError
from barsctl.folder_lock import FolderInUseError, table_lock
from barsctl.profile import Profile, ProfileSettings, profile, space_specs, table_header
from costmodels.errors import CostError
from costmodels.latency_table import TableRow
from costmodels.table_file import append_line, read_table
from space.cost_terms import cost_terms
from space.presets import SPACES
from space.search_space import SearchSpace, Stage
from targets.boards import AARCH64, X86_64_V3
from targets.catalog import named_target
from targets.errors import TargetError
from targets.host import runs_here
from targets.kernel_specs import KernelSpec, kernel_specs
from targets.measuring.measured import Failed, Measured
from targets.measuring.place import EMULATED, MODELLED
from targets.vector_unit import Tile
from tests.targets.timed_blocks import small_specs

HOST = ProfileSettings(named_target("host"))
# 8 kernels: stem, process, three nodes' worth of edges, classifier, each also as the last cell.
SPACE = SearchSpace(
    "tiny", image_channels=1, image_size=8, classes=2, stem_kernel_size=3, stem_stride=2,
    stages=(Stage(8, 1),), nodes=1, widths=(1.0,),
)  # fmt: skip
PROGRAM = """
import sys
from pathlib import Path
from barsctl.profile import profile, space_specs
from tests.barsctl.test_profile import HOST, SPACE
profile(space_specs([SPACE]), HOST, table=Path(sys.argv[1]), resume=False, notify=print)
"""


def rows_written(table: Path) -> int:
    return len(table.read_text().splitlines()) - 1 if table.exists() else 0


def test_killed_profile_resumes_where_it_was(tmp_path: Path) -> None:
    table = tmp_path / "host.jsonl"
    specs = space_specs([SPACE])
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(table)])
    while rows_written(table) < 2 and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.wait()
    with table.open("a") as file:
        file.write('{"key": "conv(in_chan')  # as if it was killed while it wrote
    before = table.read_text().splitlines()[:-1]
    done = profile(specs, HOST, table=table, resume=True, notify=print)
    assert done.kept >= 2
    assert done.kept + len(done.measured) == len(specs)
    assert table.read_text().splitlines()[: len(before)] == before
    priced = read_table(table)
    assert set(priced.rows) == {spec.key for spec in specs}
    assert all(priced.cost(term.block) > 0 for term in cost_terms(SPACE))


def test_tuned_rows_name_their_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    _, tuned, _ = small_specs()

    def measured(*_: object, tune: bool, **__: object) -> Iterator[Measured]:
        asked.append(tune)
        return iter([Measured(tuned, (1.0,), Tile(16, 7))])

    monkeypatch.setattr(profiling, "measure", measured)
    table = tmp_path / "host.jsonl"
    profile((tuned,), replace(HOST, tune=True), table=table, resume=False, notify=print)
    assert asked == [True]
    assert read_table(table).tiles == {tuned.key: Tile(16, 7)}
    with pytest.raises(CostError, match="tuned is True, now False"):
        profile((tuned,), HOST, table=table, resume=True, notify=print)


def test_specs_of_spaces_are_all_and_distinct() -> None:
    specs = space_specs([SPACE, SPACE, SPACES["demo"]])
    assert len(set(specs)) == len(specs)
    for space in (SPACE, SPACES["demo"]):
        assert {spec for term in cost_terms(space) for spec in kernel_specs(term.block)} <= set(
            specs
        )


def test_table_is_not_overwritten(tmp_path: Path) -> None:
    table = tmp_path / "host.jsonl"
    table.write_text("precious")
    with pytest.raises(BarsError, match=r"host\.jsonl is there already.*--resume"):
        profile(small_specs(), HOST, table=table, resume=False, notify=print)
    assert table.read_text() == "precious"


def test_profile_beside_another_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "host.jsonl"
    with (
        table_lock(table),
        pytest.raises(FolderInUseError, match=r"at work on .*host\.jsonl; wait"),
    ):
        profile(small_specs(), HOST, table=table, resume=True, notify=print)
    assert not table.exists()


@pytest.mark.parametrize("name", ["", "pipe", "loop"])
def test_what_is_no_regular_file_is_left_alone(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(BarsError, match="is no regular file; a table is one: choose another --out"):
        profile(small_specs(), HOST, table=tmp_path / name, resume=True, notify=print)
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "loop").is_symlink()
    assert len(list(tmp_path.iterdir())) == 2


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BarsError, match=r"no folder .*gone; create it"):
        profile((), HOST, table=tmp_path / "gone" / "t.jsonl", resume=False, notify=print)


def test_table_of_other_kernels_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "host.jsonl"
    assert profile((), HOST, table=table, resume=False, notify=print).measured == ()
    monkeypatch.setattr(profiling, "kernel_hash", lambda: "another")
    with pytest.raises(CostError, match=r"kernel_hash is .* now 'another'.*another file"):
        profile((), HOST, table=table, resume=True, notify=print)


@pytest.mark.skipif(not runs_here(X86_64_V3), reason="a second target of this machine is needed")
def test_table_of_another_target_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "host.jsonl"
    profile((), HOST, table=table, resume=False, notify=print)
    with pytest.raises(CostError, match="target is 'host', now 'x86-64-v3'"):
        profile((), ProfileSettings(X86_64_V3), table=table, resume=True, notify=print)


@pytest.mark.skipif(runs_here(AARCH64), reason="ARM runs here")
def test_foreign_target_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "aarch64.jsonl"
    with pytest.raises(TargetError, match=r"aarch64 do not run on this machine; name the board"):
        profile(small_specs(), ProfileSettings(AARCH64), table=table, resume=False, notify=print)
    assert not table.exists()


def test_learned_rows_are_measured_on_resuming(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, learned, _ = small_specs()
    table = tmp_path / "host.jsonl"
    profile((), HOST, table=table, resume=False, notify=print)
    append_line(table, TableRow(known.key, "local", 9, 1.0, 1.0, 1.0, 1.0))
    append_line(table, TableRow(learned.key, "learned", 0, 1.0, 1.0, 1.0, 1.0))
    asked: list[KernelSpec] = []

    def measured(specs: list[KernelSpec], *_: object, **__: object) -> Iterator[Measured]:
        asked.extend(specs)
        return iter([Measured(spec, (2.0,)) for spec in specs])

    monkeypatch.setattr(profiling, "measure", measured)
    done = profile((known, learned), HOST, table=table, resume=True, notify=print)
    assert asked == [learned]
    assert done.kept == 1
    assert read_table(table).rows[learned.key].way == "local"


def test_failed_kernel_has_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad, _ = small_specs()
    results = (Measured(good, (3.0, 1.0, 2.0, 4.0, 5.0)), Failed(bad, "SIGILL"))
    monkeypatch.setattr(profiling, "measure", lambda *_, **__: iter(results))
    table = tmp_path / "host.jsonl"
    done = profile((good, bad), HOST, table=table, resume=False, notify=print)
    # Quantiles of 1..5 by linear interpolation: 0.1 * 4 = 0.4 steps from either end.
    row = TableRow(good.key, way="local", n=5, median=3.0, p10=1.4, p90=4.6, min=1.0)
    assert done == Profile((row,), kept=0, failed=(results[1],), seconds=done.seconds)
    assert done.spread == pytest.approx(3.2 / 3)
    assert read_table(table).rows == {good.key: row}


def test_header_says_what_was_measured_and_where() -> None:
    header = table_header(HOST)
    assert (header.target, header.threads, header.way) == ("host", 1, "local")
    assert (header.place, header.unit) == ("local", "us")
    assert HOST.target.cpu_flags <= set(header.isa_features)
    assert header.compiler.startswith("apache-tvm 0.")


def test_header_of_an_emulator_tells_the_processor() -> None:
    counted = table_header(ProfileSettings(AARCH64, EMULATED))
    assert (counted.way, counted.unit) == ("emulated", "instructions")
    assert counted.cpu == "qemu-aarch64 -cpu cortex-a53"
    modelled = table_header(ProfileSettings(AARCH64, MODELLED))
    assert (modelled.way, modelled.unit) == ("modelled", "us")
    assert modelled.cpu == "LLVM's model of cortex-a53 at 1.2 GHz"


def test_missing_compiler_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiling, "compiler_name", lambda: None)
    with pytest.raises(BarsError, match=r"apache-tvm, which is not installed; run: pip install"):
        profile((), HOST, table=tmp_path / "host.jsonl", resume=False, notify=print)
