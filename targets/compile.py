"""From a frozen network to a program, libraries, a header and a manifest for one target."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from space.frozen import FrozenNetwork

from .assemble import assemble
from .build import kernel_hash, object_file
from .lower import specs
from .manifest import FILE, Fields, file_fields, write_manifest
from .network_plan import Plan, plan_network
from .target import Target
from .toolchain import Notify


@dataclass(frozen=True, slots=True)
class Artefacts:
    """The files of a compiled network, and the memory that one run needs beside its weights."""

    program: Path
    archive: Path
    library: Path
    header: Path
    manifest: Path
    arena_bytes: int


def compile_network(
    frozen: FrozenNetwork, target: Target, folder: Path, *, name: str, class_names: Sequence[str],
    notify: Notify, threads: int = 1,
) -> Artefacts:  # fmt: skip
    """Compile into a folder, whose files of the same names are replaced once all are there.

    name: of the program and of its C functions. notify: hears what takes long. threads: the most
    that share a run, and as many as the program takes unless told otherwise. The same network
    gives the same bytes everywhere. Raises TargetError where it cannot be compiled.
    """
    plan = plan_network(frozen, name, target, threads=threads)
    kernels = [
        object_file(specs(variant.calls), variant.target, prefix=variant.prefix)
        for variant in plan.variants
    ]
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".compiling-", dir=folder) as work:
        files = assemble(
            plan, kernels, target=target, folder=Path(work), class_names=class_names, notify=notify
        )
        # A manifest never tells of other files than those beside it: it goes first and comes last.
        (folder / FILE).unlink(missing_ok=True)
        for file in files:
            (Path(work) / file).replace(folder / file)
    program, archive, library, header = (folder / file for file in files)
    fields = _fields(plan, target) | {"files": {file: file_fields(folder / file) for file in files}}
    manifest = write_manifest(folder, fields)
    return Artefacts(program, archive, library, header, manifest, plan.arena.arena_bytes)


def _fields(plan: Plan, target: Target) -> Fields:
    graph = plan.frozen.graph
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
        "image": [graph.image_size, graph.image_size, graph.image_channels],
        "classes": graph.classes,
        "threads": plan.threads,
        "logit_scale": plan.frozen.logit_scale,
        "arena_bytes": plan.arena.arena_bytes,
        "arena_lower_bound_bytes": plan.arena.lower_bound_bytes,
        "weight_bytes": len(plan.weights),
    }
