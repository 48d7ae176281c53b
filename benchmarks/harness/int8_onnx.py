"""A float model in int8, in the form that onnxruntime runs fastest on x86.

uint8 activations and int8 weights with a scale per channel: what VNNI multiplies. With int8
activations half of ResNet-18's convolutions stay in float, at almost three times the latency. QDQ
and QOperator models end as one graph: onnxruntime fuses every QDQ group, takes all convolutions to
NHWC by itself and leaves two transpositions, of the image and of the features. Identities in
between would stop it from fusing, so the float model is simplified first.
"""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from numpy.typing import NDArray

from .onnx_builder import IMAGE

CALIBRATION_IMAGES = 4
Image = NDArray[np.float32]
"""[1, channels, size, size]"""


def write_int8_onnx(model: onnx.ModelProto, path: Path, images: Iterable[Image]) -> None:
    """Quantize a model of one float32 image, with the ranges that some images give."""
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with TemporaryDirectory() as name:
        simplified = Path(name) / "simplified.onnx"
        quant_pre_process(model, simplified, skip_symbolic_shape=True)
        quantize_static(
            simplified,
            path,
            _Images(images),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )


def random_images(model: onnx.ModelProto, generator: np.random.Generator) -> list[Image]:
    """Images for a model that only its latency is asked of."""
    image = model.graph.input[0].type.tensor_type.shape
    shape = tuple(dimension.dim_value for dimension in image.dim)
    drawn = (generator.standard_normal(shape) for _ in range(CALIBRATION_IMAGES))
    return [each.astype(np.float32) for each in drawn]


class _Images:
    """What onnxruntime's calibration asks for images, until there is None."""

    def __init__(self, images: Iterable[Image]) -> None:
        self._images = iter(images)

    def get_next(self) -> dict[str, Image] | None:
        """The next image by the name of the model's input."""
        image = next(self._images, None)
        return None if image is None else {IMAGE: image}
