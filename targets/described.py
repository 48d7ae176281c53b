"""From a manifest back to the target and the files that it tells of."""

from dataclasses import replace
from pathlib import Path

from .catalog import TARGETS, named_target
from .compile import Artefacts
from .errors import TargetError
from .host import host_target
from .manifest import FILE, Manifest, TargetFields
from .target import Target

# What a program needs is not known without a manifest: most of a machine's need no more than this.
_BY_MACHINE = {"x86_64": "x86-64-v2", "aarch64": "aarch64", "armv7l": "armv7"}


def described_target(fields: TargetFields) -> Target:
    """The target that a program was compiled for.

    "host" may have been another machine, and a board is its processor under its own name.

    Raises TargetError where this version has none like it.
    """
    names = [fields.name, *TARGETS] if fields.name in TARGETS else list(TARGETS)
    for name in names:
        target = _target_here(name)
        if target is not None and _same(target, fields):
            return target if fields.name in TARGETS else replace(target, name=fields.name)
    raise TargetError(
        f"target {fields.name} ({fields.machine}, {fields.cpu}) is none of this version's, "
        f"{', '.join(TARGETS)}; compile the network again"
    )


def machine_target(machine: str) -> Target:
    """A target that most programs of a machine, as `elf_machine` names it, need no more than."""
    return named_target(_BY_MACHINE[machine])


def described_artefacts(folder: Path, manifest: Manifest) -> Artefacts:
    """The files of a target's folder."""
    return Artefacts(
        program=folder / manifest.name,
        archive=folder / manifest.archive,
        library=None if manifest.library is None else folder / manifest.library,
        header=folder / manifest.header,
        manifest=folder / FILE,
        arena_bytes=manifest.arena_bytes,
    )


def _target_here(name: str) -> Target | None:
    try:
        return host_target() if name == "host" else named_target(name)
    except TargetError:
        return None  # this machine may be none that programs are compiled for


def _same(target: Target, fields: TargetFields) -> bool:
    return (target.machine, target.llvm_cpu, target.llvm_features, _variants(target)) == (
        fields.machine, fields.cpu, fields.features, fields.variants,
    )  # fmt: skip


def _variants(target: Target) -> tuple[str, ...]:
    return tuple(variant.name for variant in target.variants)
