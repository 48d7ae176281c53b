"""Budgets as people write them: latency=2ms, latency@armv7=9ms, bops=20M, size=64KB."""

import math
import re
from dataclasses import dataclass

from costmodels.plugins import plugin_points

from .errors import BarsError

COUNT_UNITS = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
BYTE_UNITS = {"B": 1.0, "KB": 1e3, "kB": 1e3, "MB": 1e6, "KiB": 1024.0, "MiB": 1024.0**2}
# What a budget may limit: the cost model's name, and its units as multiples of the model's own.
# Cost models of other distributions have COUNT_UNITS of their unit.
UNITS = {
    "latency": {"us": 1e-3, "ms": 1.0, "s": 1e3},
    "instructions": COUNT_UNITS,
    "bops": COUNT_UNITS,
    "flops": COUNT_UNITS,
    "ops": COUNT_UNITS,
    "params": COUNT_UNITS,
    "size": BYTE_UNITS,
    "ram": BYTE_UNITS,
}
TABLE_METRICS = ("latency", "instructions")
# What differs from target to target; a budget may name one.
TARGET_METRICS = (*TABLE_METRICS, "ram")
SHOWN_UNITS = {
    "latency": ("ms", "us"),
    "size": ("MB", "KB", "B"),
    "ram": ("MB", "KB", "B"),
}


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that a network may cost, in the unit of the cost model `metric`.

    target: whose cost it is, where a budget names one.
    """

    metric: str
    limit: float
    target: str | None = None

    @property
    def name(self) -> str:
        """What it limits, as people write it: bops, latency@armv7."""
        return self.metric if self.target is None else f"{self.metric}@{self.target}"

    def __str__(self) -> str:
        return f"{self.name}={format_cost(self.name, self.limit)}"


def parse_budget(text: str) -> Budget:
    """Return the budget that METRIC=AMOUNT or METRIC@TARGET=AMOUNT describes. Raises BarsError."""
    name, _, amount = text.partition("=")
    metric, at, target = name.partition("@")
    if metric not in UNITS and metric not in (installed := _installed_metrics()):
        raise BarsError(
            f"budget {text!r}: {metric!r} is not a cost; write one of "
            f"{', '.join((*UNITS, *installed))}, as in latency=2ms or bops=20M"
        )
    units = UNITS.get(metric, COUNT_UNITS)
    if at and (metric not in TARGET_METRICS or not target):
        raise BarsError(
            f"budget {text!r}: only {', '.join(TARGET_METRICS)} may name a target, as in "
            f"latency@armv7=9ms; write {metric}={amount}"
        )
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*([A-Za-z]*)", amount.strip())
    if match is None or match[2] not in units:
        known = ", ".join(filter(None, units))
        raise BarsError(
            f"budget {text!r}: {amount!r} is not an amount of {metric}; write a number with one "
            f"of the units {known}, as in {metric}=2{list(units)[1]}"
        )
    limit = float(match[1]) * units[match[2]]
    if not 0 < limit < math.inf:
        raise BarsError(f"budget {text!r}: the limit must be above 0 and finite; change it")
    return Budget(metric, limit, target if at else None)


def _installed_metrics() -> tuple[str, ...]:
    """Return the names of other distributions' cost models."""
    return tuple(plugin_points(tuple(UNITS)))


def format_cost(name: str, cost: float) -> str:
    """Write a budget's cost with three digits and its unit: 1.84ms, 20M, 64KB."""
    metric = name.partition("@")[0]
    units = UNITS.get(metric, COUNT_UNITS)
    shown = SHOWN_UNITS.get(metric, ("G", "M", "k", ""))
    unit = next((unit for unit in shown if cost >= units[unit]), shown[-1])
    amount = cost / units[unit]
    # From here on three digits would be written with an exponent.
    return f"{amount:.0f}{unit}" if amount >= 999.5 else f"{amount:.3g}{unit}"
