"""What compiling and verifying a run came to, for people, scripts and manifests."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from targets.compile import Artefacts
from targets.manifest import Fields, file_fields
from targets.runners.program import Latency
from targets.target import Target
from targets.verify import Verification

FROZEN, ONNX = "frozen.safetensors", "model.onnx"
WARNING_POINTS = 0.2


@dataclass(frozen=True, slots=True)
class Accuracies:
    """The shares of the same test images that each form labels rightly.

    agreement: the share to which the trained and the frozen network give the same answer. labelled:
    False where the trained network's answers stand for labels that nobody gave.
    """

    images: int
    trained: float
    frozen: float
    onnx: float
    agreement: float
    labelled: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """A program that was run here. latency is None where it was emulated or not timed, and
    one_thread_latency also where it has one thread only.

    kernels: where it chooses among them, the processors whose kernels were compared; those for
    differing_kernels, if any, are of whom verification and accuracy tell.
    """

    verification: Verification
    accuracy: float
    emulated: bool
    latency: Latency | None = None
    one_thread_latency: Latency | None = None
    kernels: tuple[str, ...] = ()
    differing_kernels: str = ""


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A program that cannot be run on this machine, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class TargetReport:
    """What a target's folder holds, and what is known of it."""

    target: Target
    artefacts: Artefacts
    program: Checked | Unchecked
    predicted_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Package:
    """A compiled run."""

    folder: Path
    accuracies: Accuracies
    onnx: Verification
    reports: tuple[TargetReport, ...]

    @property
    def mismatches(self) -> tuple[str, ...]:
        """What differs from the frozen network, one sentence each; empty where nothing does."""
        return tuple(_mismatches(self))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should know although it is no error."""
        return tuple(_warnings(self))


def _mismatches(package: Package) -> Iterator[str]:
    if not package.onnx.equal:
        yield f"model.onnx: {package.onnx}"
    for report in package.reports:
        program = report.program
        if isinstance(program, Checked) and not program.verification.equal:
            chosen = program.differing_kernels
            kernels = f" --kernels {chosen}" if chosen else ""
            yield f"{report.artefacts.program}{kernels}: {program.verification}"


def _warnings(package: Package) -> Iterator[str]:
    lost = 100 * (package.accuracies.trained - package.accuracies.frozen)
    if abs(lost) > WARNING_POINTS and package.accuracies.labelled:
        yield (
            f"freezing {'lost' if lost > 0 else 'won'} {abs(lost):.2f} points of accuracy, more "
            f"than {WARNING_POINTS}: {package.accuracies.frozen:.1%} is what programs have"
        )
    for report in package.reports:
        if isinstance(report.program, Unchecked):
            yield f"{report.target.name} was not verified: {report.program.reason}"
        else:
            yield from _thread_warnings(report.target, report.program)


def _thread_warnings(target: Target, program: Checked) -> Iterator[str]:
    together, alone = program.latency, program.one_thread_latency
    if together and alone and alone.median_ms < together.median_ms:
        yield (
            f"{target.name}: one thread takes {alone.median_ms:.3g} ms, all of them together "
            f"{together.median_ms:.3g} ms: the network is too small to share, or other work has "
            "the cores; compile without --threads, or run the program with --threads 1"
        )


def manifest_sections(package: Package, report: TargetReport) -> Fields:
    """What compiling a run knows beyond compiling a network, as sections of a manifest."""
    program = report.program
    return {
        "network": {file: file_fields(package.folder / file) for file in (FROZEN, ONNX)},
        "predicted_latency_ms": report.predicted_ms,
        "measured_latency": _latency(program),
        "accuracy": asdict(package.accuracies) | {"program": _accuracy(program)},
        "verification": {
            "onnx": verification_fields(package.onnx),
            "program": program_fields(report),
        },
    }


def _latency(program: Checked | Unchecked) -> Fields | None:
    if isinstance(program, Unchecked) or program.latency is None:
        return None
    return asdict(program.latency)


def _accuracy(program: Checked | Unchecked) -> float | None:
    return None if isinstance(program, Unchecked) else program.accuracy


def program_fields(report: TargetReport) -> Fields:
    """What verifying a program found. emulator: the command that ran it, if one did."""
    program, emulator = report.program, report.target.emulator
    if isinstance(program, Unchecked):
        return {"result": "not verified", "reason": program.reason}
    return verification_fields(program.verification) | {
        "emulated": program.emulated,
        "emulator": " ".join(emulator) if program.emulated else None,
        "kernels": list(program.kernels),
    }


def verification_fields(verification: Verification) -> Fields:
    """What comparing two forms found."""
    return {
        "result": "equal" if verification.equal else "different",
        "images": verification.images,
        "different_images": len(verification.different_images),
        "detail": str(verification),
    }


def summary(package: Package) -> Fields:
    """The package for scripts."""
    return {
        "folder": str(package.folder),
        "targets": {
            report.target.name: manifest_sections(package, report)
            | {
                "program": str(report.artefacts.program),
                "program_bytes": report.artefacts.program.stat().st_size,
                "arena_bytes": report.artefacts.arena_bytes,
            }
            for report in package.reports
        },
        "warnings": list(package.warnings),
        "mismatches": list(package.mismatches),
    }
