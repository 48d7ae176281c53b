"""Errors of the space package."""


class SpaceError(ValueError):
    """A network description that breaks a rule; the message names value, rule and remedy."""
