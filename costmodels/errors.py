"""Errors of the costmodels package."""


class CostError(ValueError):
    """A cost that cannot be known or kept to; the message names value, rule and remedy."""


class UnpricedKernelError(CostError):
    """A latency table has no row of a kernel."""


class BudgetUnreachable(CostError):  # noqa: N818 (it is what happened)
    """No network of the space fits the budgets; the message names the smallest reachable cost."""
