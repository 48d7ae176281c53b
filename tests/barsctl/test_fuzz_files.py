"""Damaged files of every kind are told in one line, or read; nothing else comes of them."""

import random
from pathlib import Path

import pytest

from barsctl.errors import BarsError
from barsctl.inspection.inspect import inspect
from barsctl.inspection.kinds import BINARIES, CSV, DOCUMENTS, ROWS, reader_of
from barsctl.inspection.weights import weights_report
from barsctl.package_files import check_files, find_package
from targets.errors import TargetError
from tests.barsctl.example_files import write_example_manifest, write_examples
from tests.barsctl.mutations import MUTATIONS

MUTATIONS_PER_KIND = 130
MANIFEST_MUTATIONS = 300
OUR_ERRORS = (BarsError, TargetError)
KINDS = (
    "genotype", "graph", "search config", "table", "frozen", "ranking", "front", "result",
    "cell", "metrics", "judged", "measured", "trials", "earlier trials", "train config",
    "sweep config", "csv", "onnx", "checkpoint", "program", "library", "archive", "manifest",
)  # fmt: skip


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    files = write_examples(tmp_path_factory.mktemp("examples"))
    return {kind: file.read_bytes() for kind, file in files.items()}


def test_every_kind_is_mutated(examples: dict[str, bytes], tmp_path: Path) -> None:
    assert set(examples) == set(KINDS)
    readers = set()
    for kind, content in examples.items():
        (tmp_path / kind).write_bytes(content)
        readers.add(reader_of(tmp_path / kind))
    registry = (DOCUMENTS, ROWS, CSV, BINARIES)
    assert readers == {weights_report, *(each for kinds in registry for each in kinds.values())}
    assert len(KINDS) * MUTATIONS_PER_KIND >= 2000


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_file_is_read_or_refused(
    kind: str, examples: dict[str, bytes], tmp_path: Path
) -> None:
    rng = random.Random(kind)
    others = list(examples.values())
    file = tmp_path / "file"
    refusals: list[str] = []
    for number in range(MUTATIONS_PER_KIND):
        mutate = MUTATIONS[number % len(MUTATIONS)]
        file.write_bytes(mutate(examples[kind], rng.choice(others), rng))
        try:
            inspect(file)
        except OUR_ERRORS as error:
            refusals.append(str(error))
    assert refusals
    assert [each for each in refusals if str(file) not in each] == []


@pytest.mark.parametrize("content", [b"", b"\0", b"{", b"{}", b"[]", b"#", b"PK\x03\x04", b"\x08"])
def test_foreign_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(BarsError, match=r"file.*; .*(give a file or folder|compile)"):
        inspect(tmp_path / "file")


def test_mutated_manifest_verifies_nothing(examples: dict[str, bytes], tmp_path: Path) -> None:
    program = tmp_path / "net"
    program.write_bytes(examples["program"])
    manifest = write_example_manifest(tmp_path, program)
    whole, rng = manifest.read_bytes(), random.Random(0)
    for number in range(MANIFEST_MUTATIONS):
        mutate = MUTATIONS[number % len(MUTATIONS)]
        manifest.write_bytes(mutate(whole, examples["judged"], rng))
        with pytest.raises((BarsError, TargetError), match=r"manifest\.json"):
            check_files(find_package(tmp_path))
