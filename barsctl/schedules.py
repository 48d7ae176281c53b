"""What changes over a run, as functions of its progress: a resumed run has no state to restore."""

import math


def cosine_with_warmup(progress: float, *, warmup: float) -> float:
    """Return the share of the highest learning rate at `progress` in [0, 1].

    It rises linearly over the first `warmup` of the run and falls to 0 along half a cosine.
    """
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def geometric(progress: float, start: float, end: float) -> float:
    """Return the value at `progress` in [0, 1] on the way from start to end in equal ratios."""
    return float(start * (end / start) ** progress)
