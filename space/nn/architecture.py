"""The probabilities of a space's decisions as parameters."""

from typing import Literal

import torch
from torch import Tensor, nn

from space.decisions import decisions
from space.search_space import SearchSpace

Mode = Literal["softmax", "gumbel", "uniform"]
INITIAL_STD = 1e-3


class Architecture(nn.Module):
    """A vector of logits per decision."""

    def __init__(self, space: SearchSpace, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.logits = nn.ParameterDict({
            name: nn.Parameter(torch.randn(len(options), generator=generator) * INITIAL_STD)
            for name, options in decisions(space).items()
        })  # fmt: skip

    def probabilities(
        self, temperature: float, mode: Mode = "softmax", generator: torch.Generator | None = None
    ) -> dict[str, Tensor]:
        """Probabilities of each decision's options; each decision is normalised alone.

        gumbel: a relaxed sample (Gumbel-softmax, arXiv 1611.01144), its noise from the generator,
        which is on the CPU. uniform: the same for all options, without gradient.
        """
        return {
            name: _probabilities(logits, temperature, mode, generator)
            for name, logits in self.logits.items()
        }


def _probabilities(
    logits: Tensor, temperature: float, mode: Mode, generator: torch.Generator | None
) -> Tensor:
    match mode:
        case "softmax":
            return torch.softmax(logits / temperature, dim=0)
        case "gumbel":
            noise = -torch.empty(len(logits)).exponential_(generator=generator).log()
            return torch.softmax((logits + noise.to(logits)) / temperature, dim=0)
        case "uniform":
            return torch.full_like(logits, 1 / len(logits))
