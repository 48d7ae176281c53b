"""Whole numbers of a config.json: what no option of a command would have let through."""

from .errors import BarsError

SEED_DIGITS = 18
"""Of any number that every random generator takes."""


def require_seed(seed: int) -> None:
    """Raise BarsError where a number cannot seed every random generator."""
    if not 0 <= seed < 10**SEED_DIGITS:
        raise BarsError(
            f"seed {seed:.3g}: it must be from 0 on, of at most {SEED_DIGITS} digits; correct it"
        )


def require_at_least(least: int, **numbers: int) -> None:
    """Raise BarsError where one of the named numbers is smaller."""
    for name, number in numbers.items():
        if number < least:
            raise BarsError(f"{name} {number}: it must be at least {least}; correct it")
