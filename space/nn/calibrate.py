"""What freezing learns from images: the range of real values, and where thresholds best lie."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from space.blocks import is_sign
from space.frozen import FrozenBlock, Threshold
from space.graph import IMAGE_VALUE, Node, Value

from .integer import block_signs, run_block, threshold_bits
from .network import Network, dead_after
from .quantize import INT16_MAX, INT16_MIN

SAMPLE = 128
# All tensors of a batch are in memory at once: tens of MB an image where those are large.
BATCH = 16
STEPS = (0, -1, 1, -2, 2, -3, 3)


@torch.no_grad()
def largest_values(network: Network, pixels: Tensor) -> dict[Value, float]:
    """The largest magnitude of each real value over the images, in evaluation mode."""
    largest: dict[Value, float] = {}
    with _evaluating(network):
        for batch in pixels.split(BATCH):
            for value, tensor in network.values(batch).items():
                if value.port in ("inner", "outer"):
                    largest[value] = max(largest.get(value, 0.0), float(tensor.abs().max()))
    return largest


class SignCalibration:
    """Moves thresholds by a few integers, where that gives more of the trained network's bits.

    Rounding moves a value by an integer or two, and that rarely matters. But where many pixels are
    equal, as in a black background, training likes to end with their value at the threshold:
    rounding then takes all of them across. Seen: a quarter of a channel's bits, and 9 % of the
    accuracy. Blocks are frozen in execution order, each over the integers of those before it.
    """

    def __init__(self, network: Network, pixels: Tensor) -> None:
        sample = spread_sample(pixels)
        self._integers = {IMAGE_VALUE: sample.cpu().int()}
        self._dead_after = dead_after(network.graph)
        self._trained = trained_bits(network, sample)

    def with_agreeing_signs(self, node: Node, block: FrozenBlock) -> FrozenBlock:
        """The block with its thresholds moved; blocks come in execution order."""
        written = run_block(node, block, self._integers)
        moved = replace(
            block,
            inner_signs=self._agreeing(node, "inner", block.inner_signs, written),
            outer_signs=self._agreeing(node, "outer", block.outer_signs, written),
        )
        self._integers |= written | block_signs(node, moved, written)
        for value in self._dead_after[node.name]:
            self._integers.pop(value, None)
        return moved

    def _agreeing(
        self, node: Node, name: str, thresholds: tuple[Threshold, ...],
        written: dict[Value, Tensor],
    ) -> tuple[Threshold, ...]:  # fmt: skip
        found = []
        for index, threshold in enumerate(thresholds):
            trained = self._trained.get(Value(node.name, f"{name}_sign{index}"))
            # Nothing reads a sign that the network in training does not have.
            if trained is not None:
                real = written[Value(node.name, name)]
                threshold = agreeing_threshold(real, trained, threshold)
            found.append(threshold)
        return tuple(found)


def spread_sample(pixels: Tensor) -> Tensor:
    """At most SAMPLE of the images, from all over them: they may come sorted by class."""
    return pixels[:: max(1, -(-len(pixels) // SAMPLE))]


@torch.no_grad()
def trained_bits(network: Network, pixels: Tensor) -> dict[Value, Tensor]:
    """The signs of all images as bool on the CPU, in evaluation mode."""
    found: dict[Value, list[Tensor]] = {}
    with _evaluating(network):
        for batch in pixels.split(BATCH):
            for value, tensor in network.values(batch).items():
                if is_sign(value.port):
                    found.setdefault(value, []).append(tensor.bool().cpu())
    return {value: torch.cat(parts) for value, parts in found.items()}


def agreeing_threshold(real: Tensor, trained: Tensor, threshold: Threshold) -> Threshold:
    """The threshold, or one a few integers beside it, that gives most of the trained bits.

    real: the frozen value, int32; trained: bool; both [images, channels, size, size].
    """
    candidates = [_moved(threshold, step) for step in STEPS]
    differing = np.stack([
        (threshold_bits(real, each).bool() != trained).sum((0, 2, 3)).numpy()
        for each in candidates
    ])  # fmt: skip
    # Of equally good ones the first: the exact threshold, then the nearest.
    best = differing.argmin(axis=0)
    thresholds = np.stack([each.threshold for each in candidates])
    return Threshold(np.take_along_axis(thresholds, best[None], axis=0)[0], threshold.flip)


def _moved(threshold: Threshold, step: int) -> Threshold:
    moved = (threshold.threshold.astype(np.int64) + step).clip(INT16_MIN, INT16_MAX)
    return Threshold(moved.astype(np.int16), threshold.flip)


@contextmanager
def _evaluating(network: Network) -> Iterator[None]:
    was_training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was_training)
