"""ResNet-18 as a user would deploy it in float32: batch norms folded, ReLU in between.

The network of He et al. (2015), its shortcuts through 1x1 stride 2 convolutions at reductions.
Images of 64 pixels and more enter through a 7x7 stride 2 convolution and a 3x3 stride 2 max pool,
smaller ones through a 3x3 convolution, as in space/reference_parts.py.
"""

import numpy as np
import onnx

from space.reference_parts import LARGE_IMAGE_SIZE

from .onnx_builder import IMAGE, OnnxBuilder

IMAGE_CHANNELS = 3
STAGES = (64, 128, 256, 512)
PAIRS = 2


def resnet18(image_size: int, classes: int, generator: np.random.Generator) -> onnx.ModelProto:
    """The model for one image [1, 3, size, size], with logits [1, classes]; random weights."""
    builder = OnnxBuilder(generator)
    channels = STAGES[0]
    last = _stem(builder, channels, large=image_size >= LARGE_IMAGE_SIZE)
    for stage, out_channels in enumerate(STAGES):
        for index in range(PAIRS):
            stride = 2 if stage > 0 and index == 0 else 1
            name = f"s{stage}b{index}"
            last = _pair(builder, last, name, (channels, out_channels), stride=stride)
            channels = out_channels
    builder.classify(last, channels, classes)
    return builder.model(image_channels=IMAGE_CHANNELS, image_size=image_size, classes=classes)


def _stem(builder: OnnxBuilder, channels: int, *, large: bool) -> str:
    shape = (IMAGE_CHANNELS, channels)
    if not large:
        return _relu(builder, builder.conv(IMAGE, "stem", shape, kernel_size=3))
    last = _relu(builder, builder.conv(IMAGE, "stem", shape, kernel_size=7, stride=2))
    return builder.max_pool(last, "stem", kernel_size=3, stride=2)


def _pair(
    builder: OnnxBuilder, source: str, name: str, shape: tuple[int, int], *, stride: int
) -> str:
    """Two 3x3 convolutions and the shortcut around both."""
    _, channels = shape
    middle = _relu(
        builder, builder.conv(source, f"{name}.conv0", shape, kernel_size=3, stride=stride)
    )
    last = builder.conv(middle, f"{name}.conv1", (channels, channels), kernel_size=3)
    shortcut = source
    if stride > 1:
        shortcut = builder.conv(source, f"{name}.down", shape, kernel_size=1, stride=stride)
    return _relu(builder, builder.add([last, shortcut], name))


def _relu(builder: OnnxBuilder, source: str) -> str:
    return builder.apply("Relu", [source], f"{source}:relu")
