"""Errors that a user may cause: `barsctl.cli.main` prints each as one line, no traceback."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells the shell."""

    DONE = 0
    CANNOT = 1
    WRONG_USAGE = 2
    BUDGET_NOT_MET = 3
    VERIFICATION_FAILED = 4
    INTERRUPTED = 130


class BarsError(Exception):
    """What was asked cannot be done; the message names the value, the rule and the remedy."""

    exit_code = ExitCode.CANNOT


class BudgetError(BarsError):
    """What was compiled takes more than its budget."""

    exit_code = ExitCode.BUDGET_NOT_MET


class VerificationError(BarsError):
    """Two forms of a network computed different numbers; the message names the first layer."""

    exit_code = ExitCode.VERIFICATION_FAILED


class DivergedError(BarsError):
    """A loss is no number: the weights are lost."""


class DataError(BarsError):
    """Images or labels that are missing, damaged or against a rule."""


@contextmanager
def about(what: str) -> Iterator[None]:
    """Have a BarsError that leaves the context say what it is about: a file's name."""
    try:
        yield
    except BarsError as error:
        raise type(error)(f"{what}: {error}") from error
