"""A small float network for onnxruntime: what a user would run who takes no binary one.

Convolutions with batch norms and ReLUs, a stem and a few behind it that halve the resolution
once, a global pool and a classifier: for so few microseconds every operator of onnxruntime counts.
"""

from collections.abc import Sequence
from typing import cast

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .onnx_builder import IMAGE, LOGITS


class FloatNetwork(nn.Module):
    """From uint8 images [N, C, H, W] to logits [N, classes]; mean, std: in pixel units."""

    def __init__(
        self, channels: int, convs: int, *, image_channels: int, classes: int,
        mean: Sequence[float], std: Sequence[float],
    ) -> None:  # fmt: skip
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))
        layers = [_conv(image_channels, channels, kernel_size=5, stride=2)]
        wide = 2 * channels
        for number in range(convs):
            sources, stride = (channels, 2) if number == 0 else (wide, 1)
            layers.append(_conv(sources, wide, kernel_size=3, stride=stride))
        self.layers = nn.Sequential(*layers)
        self.dense = nn.Linear(wide if convs else channels, classes)

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalise and classify."""
        features = self.layers(self.normalised(pixels)).mean((2, 3))
        return cast(Tensor, self.dense(features))

    def normalised(self, pixels: Tensor) -> Tensor:
        """What the ONNX model of the network reads."""
        return (pixels.float() - cast(Tensor, self.mean)) / cast(Tensor, self.std)


def _conv(sources: int, channels: int, *, kernel_size: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(
            sources, channels, kernel_size, stride=stride, padding=kernel_size // 2, bias=False
        ),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    )


def float_onnx(network: FloatNetwork, image_size: int) -> onnx.ModelProto:
    """The network as ONNX for one normalised image in float32, batch norms folded in."""
    nodes, constants, last = [], [], IMAGE
    for number, layer in enumerate(network.layers):
        conv, norm, _ = cast(nn.Sequential, layer)
        fused = fuse_conv_bn_eval(cast(nn.Conv2d, conv).eval(), cast(nn.BatchNorm2d, norm).eval())
        names = [f"w{number}", f"b{number}"]
        constants += [_constant(*pair) for pair in zip(names, fused.parameters(), strict=True)]
        pads, strides = list(2 * fused.padding), list(fused.stride)
        nodes.append(
            helper.make_node("Conv", [last, *names], [f"c{number}"], pads=pads, strides=strides)
        )
        last = f"r{number}"
        nodes.append(helper.make_node("Relu", [f"c{number}"], [last]))
    constants += [_constant("w", network.dense.weight), _constant("b", network.dense.bias)]
    nodes.append(helper.make_node("GlobalAveragePool", [last], ["pooled"]))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["features"]))
    nodes.append(helper.make_node("Gemm", ["features", "w", "b"], [LOGITS], transB=1))
    image = [1, cast(Tensor, network.mean).shape[1], image_size, image_size]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, image)],
        [helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, [1, network.dense.out_features])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _constant(name: str, values: Tensor) -> TensorProto:
    return numpy_helper.from_array(values.detach().cpu().numpy(), name)
