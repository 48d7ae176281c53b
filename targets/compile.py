"""From a frozen network to a program, libraries, a header and a manifest for one target."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from space.frozen import FrozenNetwork

from .assemble import assemble
from .build import kernel_hash, object_file
from .elf import loaded_sections
from .emit_about import Score, build_hash
from .emit_c import source_files
from .errors import TargetError
from .lower import specs
from .manifest import FILE, Fields, file_fields, write_manifest
from .network_plan import Plan, Variant, plan_network
from .target import Target
from .toolchain import Notify
from .vector_unit import Tile

NOTHING_TUNED: Mapping[str, Tile] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Artefacts:
    """The files of a compiled network, and the memory that one run needs beside its weights.

    program: without an operating system, one that talks to a debugger or an emulator. library: a
    shared one; None where nothing loads it.
    """

    program: Path
    archive: Path
    library: Path | None
    header: Path
    manifest: Path
    arena_bytes: int


def compile_network(
    frozen: FrozenNetwork, target: Target, folder: Path, *, name: str, class_names: Sequence[str],
    notify: Notify, threads: int = 1, tiles: Mapping[str, Tile] = NOTHING_TUNED,
    score: Score | None = None,
) -> Artefacts:  # fmt: skip
    """Compile into a folder, whose files of the same names are replaced once all are there.

    name: of the program and of its C functions. notify: hears what takes long. threads: the most
    that share a run, and as many as the program takes unless told otherwise. tiles: of
    kernels that were tuned on the target, by their spec's key. score: that the program tells of
    itself. The same network and score give the same bytes everywhere. Raises TargetError where it
    cannot be compiled.
    """
    if tiles and target.variants:
        raise TargetError(
            f"target {target.name} holds kernels for {len(target.variants)} processors, and tuned "
            "tiles are of one: compile for that one, or without a table"
        )
    plan = plan_network(frozen, name, target, threads=threads)
    sources = source_files(plan, class_names)
    kernels = [_kernels(variant, tiles) for variant in plan.variants]
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".compiling-", dir=folder) as work:
        files = assemble(
            plan, sources, kernels, target=target, folder=Path(work), class_names=class_names,
            notify=notify, score=score,
        )  # fmt: skip
        fields = _fields(plan, target, tiles) | {"build_hash": build_hash(sources, kernels)}
        fields["code_bytes"] = _read_only_bytes(Path(work) / files.linked) - len(plan.weights)
        # A manifest never tells of other files than those beside it: it goes first and comes last.
        (folder / FILE).unlink(missing_ok=True)
        for file in files.kept:
            (folder / file).parent.mkdir(exist_ok=True)
            (Path(work) / file).replace(folder / file)
    fields["files"] = {file: file_fields(folder / file) for file in files.kept}
    return Artefacts(
        program=folder / files.program,
        archive=folder / files.archive,
        library=None if files.library is None else folder / files.library,
        header=folder / files.header,
        manifest=write_manifest(folder, fields),
        arena_bytes=plan.arena.arena_bytes,
    )


def _kernels(variant: Variant, tiles: Mapping[str, Tile]) -> bytes:
    found = specs(variant.calls)
    tuned = {spec: tiles[spec.key] for spec in found if spec.key in tiles}
    return object_file(found, variant.target, prefix=variant.prefix, tiles=tuned)


def _read_only_bytes(library: Path) -> int:
    found = loaded_sections(library)
    return sum(section.size_bytes for section in found if not section.is_writable)


def _fields(plan: Plan, target: Target, tiles: Mapping[str, Tile]) -> Fields:
    graph = plan.frozen.graph
    keys = [spec.key for spec in specs(plan.variants[0].calls)]
    return {
        "name": plan.name,
        "target": {
            "name": target.name,
            "summary": target.summary,
            "machine": target.machine,
            "cpu": target.llvm_cpu,
            "features": list(target.llvm_features),
            "variants": [variant.name for variant in target.variants],
        },
        "kernel_hash": kernel_hash(),
        "kernels": len(plan.variants[0].calls),
        "tiles": {key: asdict(tiles[key]) for key in keys if key in tiles},
        "image": [graph.image_size, graph.image_size, graph.image_channels],
        "classes": graph.classes,
        "threads": plan.threads,
        "logit_scale": plan.frozen.logit_scale,
        "arena_bytes": plan.arena.arena_bytes,
        "arena_lower_bound_bytes": plan.arena.lower_bound_bytes,
        "weight_bytes": len(plan.weights),
    }
