"""Training speed: images a second of a supernet and of a network, against the naive form.

The naive form computes the same, the way one would first write it: harness/naive_training.py. A
supernet's step moves its weights by one batch and its architecture by another: "soft" as a mixture
of all networks, "one" with one sampled operator per edge, compared with the naive mixture. "final"
is a network of 3x3 convolutions in a chain at half width. On one CPU thread images are per second
of CPU time, in float32 and with convolutions in bfloat16; barsctl takes the latter on processors
that multiply it, as on GPUs. There steps are timed by the clock, compiled by torch too.
Each form has a process of its own; rounds of all of them are interleaved, and medians reported.
"""

import statistics
from collections.abc import Sequence

import torch
from harness.report import Cell, Check, read_options, report
from harness.training_steps import Form, Precision, Subject, Task, Timing, TrainingProcess

from barsctl.devices import mixed_precision

CPU = torch.device("cpu")
ASKED: dict[Task, float] = {"soft": 1.5, "one": 3.0}
FORMS: tuple[tuple[Task, Form], ...] = (
    ("soft", "naive"), ("soft", "ours"), ("one", "ours"), ("final", "naive"), ("final", "ours"),
)  # fmt: skip


def main() -> None:
    """Time all forms and report."""
    options = read_options(__doc__)
    own: Precision = "bfloat16" if mixed_precision(CPU)._enabled else "float32"
    precisions: tuple[Precision, ...] = (own,) if options.quick else ("float32", "bfloat16")
    spaces = ("demo",) if options.quick else ("demo", "fashion")
    groups = [cpu_subjects(space, precision) for space in spaces for precision in precisions]
    if torch.cuda.is_available():
        groups += [gpu_subjects(space) for space in spaces]
    else:
        print("torch finds no GPU here: its rows are left out")
    rows: list[dict[str, Cell]] = []
    checks = []
    for group in groups:
        timings = timed_subjects(group, rounds=2 if options.quick else 7)
        rows += [row(subject, timings) for subject in group]
        if group[0].device == "cpu" and group[0].precision == own:
            checks += [
                Check(f"{each.space}, {each.task} over naive", over_naive(each, timings),
                      at_least=ASKED[each.task])
                for each in group if each.form == "ours" and each.task in ASKED
            ]  # fmt: skip
    report("training", rows, checks, options)


def cpu_subjects(space: str, precision: Precision) -> list[Subject]:
    """What is compared on a CPU: all forms at one precision."""
    return [Subject(space, task, form, precision) for task, form in FORMS]


def gpu_subjects(space: str) -> list[Subject]:
    """What is compared on a GPU: all forms at the precision that barsctl takes, and compiled."""
    compiled: tuple[tuple[Task, Form], ...] = (("soft", "compiled"), ("final", "compiled"))
    return [Subject(space, task, form, "bfloat16", "cuda") for task, form in (*FORMS, *compiled)]


def timed_subjects(subjects: Sequence[Subject], *, rounds: int) -> dict[Subject, list[Timing]]:
    """Each subject's timings of some steps per round; a first round is a warm-up."""
    processes = {subject: TrainingProcess(subject) for subject in subjects}
    timings: dict[Subject, list[Timing]] = {subject: [] for subject in subjects}
    for _ in range(rounds + 1):
        for subject, process in processes.items():
            timings[subject].append(process.time(steps=steps(subject)))
    for process in processes.values():
        process.close()
    return {subject: found[1:] for subject, found in timings.items()}


def steps(subject: Subject) -> int:
    """So many that a round is long enough for the clock, and sampled networks average out."""
    if subject.device == "cpu":
        return 8 if subject.task == "one" else 1
    return 20


def images_per_s(subject: Subject, timings: dict[Subject, list[Timing]]) -> float:
    """The median over rounds."""
    seconds = statistics.median(timing.seconds for timing in timings[subject])
    return steps(subject) * subject.images_per_step / seconds


def over_naive(subject: Subject, timings: dict[Subject, list[Timing]]) -> float:
    """How many times as fast as the naive form; of a supernet, as its mixture."""
    naive = next(
        other for other in timings
        if other.form == "naive" and (other.task == "final") == (subject.task == "final")
    )  # fmt: skip
    return images_per_s(subject, timings) / images_per_s(naive, timings)


def row(subject: Subject, timings: dict[Subject, list[Timing]]) -> dict[str, Cell]:
    """A subject's row."""
    seconds = sorted(timing.seconds for timing in timings[subject])
    return {
        "space": subject.space,
        "trains": subject.task,
        "form": subject.form,
        "precision": subject.precision,
        "device": subject.device,
        "images_per_s": images_per_s(subject, timings),
        "spread": seconds[-1] / seconds[0] - 1,
        "over_naive": over_naive(subject, timings),
        "peak_mb": max(timing.peak_mb for timing in timings[subject]),
    }


if __name__ == "__main__":
    main()
