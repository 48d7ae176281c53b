"""How brevitas-*.onnx beside this file were made: trained with Brevitas, exported as QONNX.

    pip install brevitas==0.13.4 onnxoptimizer onnxscript
    python tests/data/make_brevitas_models.py tests/data

Two of the ways in which people write and export such networks: one with signs that are padded with
0 and 8-bit weights elsewhere, by torch's older exporter; one with a border of +1 and float weights
elsewhere, by its newer one. What exporters tell of the source they saw is
left out.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import brevitas.nn as qnn
import onnx
import torch
from brevitas.export import export_qonnx
from brevitas.quant import SignedBinaryActPerTensorConst, SignedBinaryWeightPerTensorConst
from torch import Tensor, nn
from torch.nn import functional as F

from barsctl.data.registry import load

CHANNELS, CLASSES, IMAGE_SIZE = 24, 10, 28
EPOCHS, BATCH = 4, 50


class ResidualBlock(nn.Module):
    """Sign, binary convolution, batch norm and PReLU, beside a shortcut."""

    def __init__(self, *, zero_border: bool) -> None:
        super().__init__()
        self.zero_border = zero_border
        self.sign = qnn.QuantIdentity(act_quant=SignedBinaryActPerTensorConst, bit_width=1)
        self.conv = qnn.QuantConv2d(
            CHANNELS, CHANNELS, 3, padding=1 if zero_border else 0, bias=False,
            weight_quant=SignedBinaryWeightPerTensorConst, weight_bit_width=1,
        )  # fmt: skip
        nn.init.normal_(self.conv.weight, std=0.1)
        self.norm = nn.BatchNorm2d(CHANNELS)
        self.activation = nn.PReLU(CHANNELS)

    def forward(self, x: Tensor) -> Tensor:
        signs = self.sign(x)
        if not self.zero_border:
            signs = F.pad(signs, (1, 1, 1, 1), value=1.0)
        activated: Tensor = self.activation(self.norm(self.conv(signs)))
        return activated + x


class Model(nn.Module):
    """A stem, blocks around a pool, a classifier."""

    def __init__(self, *, zero_border: bool) -> None:
        super().__init__()
        conv = qnn.QuantConv2d if zero_border else nn.Conv2d
        dense = qnn.QuantLinear if zero_border else nn.Linear
        self.stem = conv(1, CHANNELS, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(CHANNELS)
        self.first = ResidualBlock(zero_border=zero_border)
        self.pool = nn.AvgPool2d(2) if zero_border else nn.MaxPool2d(3, 2, padding=1)
        self.second = ResidualBlock(zero_border=zero_border)
        self.third = ResidualBlock(zero_border=zero_border)
        self.dense = dense(CHANNELS, CLASSES, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.first(self.norm(self.stem(x))))
        x = self.third(self.second(x))
        logits: Tensor = self.dense(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))
        return logits


def train(model: Model) -> None:
    data = load("fashion-mini", seed=0).train
    images = torch.from_numpy(data.batch(torch.arange(len(data)).numpy())).permute(0, 3, 1, 2)
    labels = torch.from_numpy(data.labels)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(images)).split(BATCH):
            loss = F.cross_entropy(model(images[chosen] / 255), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def main(folder: Path) -> None:
    for name, is_older in (("brevitas-zero-border", True), ("brevitas-plus-border", False)):
        torch.manual_seed(0)
        model = Model(zero_border=is_older)
        train(model)
        model.eval()
        example = torch.zeros(1, 1, IMAGE_SIZE, IMAGE_SIZE)
        with TemporaryDirectory() as work:
            path = Path(work) / "model.onnx"
            export_qonnx(model, example, export_path=str(path), dynamo=not is_older)
            exported = onnx.load(path)
        for part in (exported.graph, *exported.graph.node, *exported.graph.value_info):
            del part.metadata_props[:]
            part.doc_string = ""
        onnx.save(exported, folder / f"{name}.onnx")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
