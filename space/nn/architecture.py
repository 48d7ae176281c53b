"""The probabilities of a space's decisions as parameters."""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from space.decisions import Choices, decisions, node_decisions
from space.search_space import SearchSpace

Mode = Literal["softmax", "gumbel", "sigmoid", "uniform", "random"]
INITIAL_STD = 1e-3


class Architecture(nn.Module):
    """A vector of logits per decision, but for those that are kept: their option has all."""

    def __init__(
        self,
        space: SearchSpace,
        generator: torch.Generator | None = None,
        *,
        kept: Mapping[str, int] = {},
    ) -> None:
        super().__init__()
        self.kept = dict(kept)
        self.options = decisions(space)
        self.logits = nn.ParameterDict({
            name: nn.Parameter(torch.randn(len(options), generator=generator) * INITIAL_STD)
            for name, options in self.options.items() if name not in kept
        })  # fmt: skip

    def probabilities(
        self, temperature: float, mode: Mode = "softmax", generator: torch.Generator | None = None
    ) -> dict[str, Tensor]:
        """Probabilities of each decision's options; each decision is normalised alone.

        gumbel: a relaxed sample (Gumbel-softmax, arXiv 1611.01144), its noise from the generator,
        which is on the CPU. sigmoid: one per option alone, over their sum. uniform: the same for
        all options, without gradient. random: a relaxed sample of these.
        Where a decision is kept they are one-hot in every mode.
        """
        return {
            name: self._kept_option(name)
            if name in self.kept
            else _probabilities(self.logits[name], temperature, mode, generator)
            for name in self.options
        }

    def _kept_option(self, name: str) -> Tensor:
        one_hot = next(self.parameters()).new_zeros(len(self.options[name]))
        one_hot[self.kept[name]] = 1.0
        return one_hot


def _probabilities(
    logits: Tensor, temperature: float, mode: Mode, generator: torch.Generator | None
) -> Tensor:
    match mode:
        case "softmax":
            return torch.softmax(logits / temperature, dim=0)
        case "gumbel":
            return torch.softmax((logits + _gumbel_noise(logits, generator)) / temperature, dim=0)
        case "sigmoid":
            gates = torch.sigmoid(logits / temperature)
            return gates / gates.sum()
        case "uniform":
            return torch.full_like(logits, 1 / len(logits))
        case "random":
            return torch.softmax(_gumbel_noise(logits, generator) / temperature, dim=0)


def _gumbel_noise(logits: Tensor, generator: torch.Generator | None) -> Tensor:
    noise = -torch.empty(len(logits)).exponential_(generator=generator).log()
    return noise.to(logits)


def connected_choices(space: SearchSpace, probabilities: Mapping[str, Tensor]) -> Choices:
    """The most probable option of each decision, with an edge that is not `none` at every node.

    Of all choices that connect every node it has the greatest product of probabilities. Where these
    are a relaxed sample, the choices so are a sample too (perturb and MAP, Papandreou and Yuille,
    ICCV 2011).
    """
    values = {name: vector.tolist() for name, vector in probabilities.items()}
    found = {name: vector.index(max(vector)) for name, vector in values.items()}
    if "none" not in space.primitives:
        return found
    none = space.primitives.index("none")
    for edges in node_decisions(found).values():
        if any(found[edge] != none for edge in edges):
            continue
        # Nothing leads there: take the option that is nearest to its edge's `none`.
        _, edge, option = max(
            (vector[option] / vector[none], edge, option)
            for edge, vector in ((edge, values[edge]) for edge in edges)
            for option in range(len(vector))
            if option != none
        )
        found[edge] = option
    return found


def straight_through(probabilities: Mapping[str, Tensor], choices: Choices) -> dict[str, Tensor]:
    """The choices as one-hot vectors with the gradients of the probabilities.

    So a sampled option weighs 1 and its gradient is that of its soft probability: straight-through
    Gumbel-softmax (arXiv 1611.01144, section 2.2), as GDAS (arXiv 1910.04465) searches with it.
    """
    mixed = {}
    for name, vector in probabilities.items():
        one_hot = torch.zeros_like(vector)
        one_hot[choices[name]] = 1.0
        # In this order it is one-hot to the last bit.
        mixed[name] = one_hot + (vector - vector.detach())
    return mixed
