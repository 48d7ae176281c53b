"""The shortcuts of a reduction in the supernet: each wide tensor at half its size."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from space.cell_blocks import projection_block
from space.search_space import SearchSpace, path_tensors

from .layers import ConvOperator, duplicate_channels, halved


class MixedDownsample(nn.Module):
    """Takes wide tensors from in_channels to channels, at half their size."""

    def __init__(self, space: SearchSpace, *, in_channels: int, channels: int, size: int) -> None:
        super().__init__()
        self.in_channels = in_channels
        block = projection_block(in_channels, channels, size=size)
        count = path_tensors(space) if space.downsample == "conv" else 0
        self.projections = nn.ModuleList(ConvOperator(block) for _ in range(count))

    def forward(
        self, wide: Sequence[Tensor], *, channels: int, mask: Tensor | None, distinct: Tensor | None
    ) -> list[Tensor]:
        """The first channels of each of the first wide tensors, which may be narrower.

        mask [channels read]: how much of each is there; distinct [tensors]: how probably each is no
        copy of the first.
        """
        pooled = [halved(tensor) for tensor in wide]
        if self.projections:
            projected = [
                self.projection(index)([each], channels=channels, mask=mask)
                for index, each in enumerate(pooled)
            ]
            if distinct is None:
                return projected
            return [torch.lerp(projected[0], each, share)
                    for each, share in zip(projected, distinct, strict=True)]  # fmt: skip
        if mask is not None:
            # Feature maps are masked, not weights: masked channels are copied onto kept ones.
            pooled = [each * mask.view(1, -1, 1, 1) for each in pooled]
        return [duplicate_channels(each, channels, period=self.in_channels) for each in pooled]

    def projection(self, index: int) -> ConvOperator:
        """The convolution of the index-th wide tensor."""
        projection = self.projections[index]
        assert isinstance(projection, ConvOperator)
        return projection
