"""Subjects: the kernels and the whole networks that are measured."""

from collections.abc import Sequence

from space.graph import BlockGraph
from targets.kernel_specs import KernelSpec, kernel_specs

Subject = KernelSpec | BlockGraph


def subject_name(subject: Subject) -> str:
    """What a message calls a subject."""
    return subject.key if isinstance(subject, KernelSpec) else "a whole network"


def subject_specs(subjects: Sequence[Subject]) -> tuple[KernelSpec, ...]:
    """The distinct kernels that subjects are made of."""
    found = dict[KernelSpec, None]()
    for subject in subjects:
        if isinstance(subject, KernelSpec):
            found[subject] = None
        else:
            found |= dict.fromkeys(spec for block in subject.blocks for spec in kernel_specs(block))
    return tuple(found)
