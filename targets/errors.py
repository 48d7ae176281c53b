"""Errors of the targets package."""


class TargetError(ValueError):
    """Something that cannot be built or run for a target; names value, rule and remedy."""
