"""The float networks of the evidence: as accurate as onnxruntime can be in the same time."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from barsctl.batches import Batch, all_batches, random_images
from barsctl.data.dataset import Dataset
from barsctl.data.source import ImageSource
from barsctl.data_choice import load_choice
from barsctl.random_numbers import initial_weights
from barsctl.train import train
from barsctl.train_result import Trained
from barsctl.train_settings import TrainSettings

from .evidence_matrix import Cell, FloatKind
from .evidence_searches import CPU, DATA
from .float_network import FloatNetwork, float_onnx
from .int8_onnx import write_int8_onnx
from .interleaved import Engine, interleaved_ms
from .onnx_builder import IMAGE, LOGITS
from .onnx_latency import ERROR_SEVERITY, onnx_command

CHANNELS = range(4, 41, 4)
ROUNDS, ROUND_MS = 5, 100.0
CALIBRATION_IMAGES = 256


def float_result(
    cell: Cell, run: Path, settings: TrainSettings, *, slowdown: float
) -> dict[str, object] | None:
    """Train the widest network within the budget; None where there is none.

    slowdown: of this machine since the table's day. In int8 the accuracies are of the quantized
    network, as onnxruntime computes it.
    """
    dataset = load_choice(DATA)
    kind, convs = cast(FloatKind, cell.name.split()[0]), int(cell.name.split()[1])
    found = _widest(dataset, kind, convs, cell.budget_us * slowdown)
    if found is None:
        return None
    channels, latency_us = found
    network = _network(dataset, channels, convs, seed=cell.seed)
    folder = run / f"train-{channels}"
    folder.mkdir(exist_ok=True)
    trained = train(network, dataset, settings, folder=folder, device=CPU)
    if kind == "int8":
        trained = _quantized(network, dataset, trained)
    return {
        "validation": trained.validation_accuracy,
        "test": trained.test_accuracy,
        "predicted_us": None,
        "measured_us": latency_us / slowdown,
        "network": f"{kind}, {channels} channels in the stem and {2 * channels} in {convs} more",
    }


def _network(dataset: Dataset, channels: int, convs: int, *, seed: int = 0) -> FloatNetwork:
    with initial_weights(seed):
        return FloatNetwork(
            channels, convs, image_channels=dataset.channels, classes=len(dataset.class_names),
            mean=dataset.mean, std=dataset.std,
        )  # fmt: skip


def _widest(
    dataset: Dataset, kind: FloatKind, convs: int, budget_us: float
) -> tuple[int, float] | None:
    """The most channels within the budget and their microseconds in onnxruntime, on one thread."""
    with TemporaryDirectory() as name:
        engines = {}
        for channels in CHANNELS:
            path = Path(name) / f"{channels}.onnx"
            _write(_network(dataset, channels, convs), dataset, kind, path)
            engines[channels] = Engine(onnx_command(path), threads=1)
        times_ms = interleaved_ms(engines, rounds=ROUNDS, round_ms=ROUND_MS)
    # A neighbour on the core makes a round slower, none makes one faster.
    latencies_us = {channels: 1e3 * min(rounds) for channels, rounds in times_ms.items()}
    within = [channels for channels in CHANNELS if latencies_us[channels] <= budget_us]
    return (within[-1], latencies_us[within[-1]]) if within else None


def _write(network: FloatNetwork, dataset: Dataset, kind: FloatKind, path: Path) -> None:
    model = float_onnx(network.eval(), dataset.image_size)
    if kind == "fp32":
        path.write_bytes(model.SerializeToString())
        return
    some = random_images(dataset.train, count=CALIBRATION_IMAGES, seed=0)
    batches = all_batches(some, batch_size=1, device=CPU)
    write_int8_onnx(model, path, [_normalised(network, batch) for batch in batches])


def _normalised(network: FloatNetwork, batch: Batch) -> NDArray[np.float32]:
    return network.normalised(batch.pixels).numpy()


def _quantized(network: FloatNetwork, dataset: Dataset, trained: Trained) -> Trained:
    with TemporaryDirectory() as name:
        path = Path(name) / "int8.onnx"
        _write(network, dataset, "int8", path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = ERROR_SEVERITY
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )

        validation, test = (
            _accuracy(session, network, source) for source in (dataset.validation, dataset.test)
        )
    return Trained(trained.best_epoch, validation, test)


def _accuracy(
    session: onnxruntime.InferenceSession, network: FloatNetwork, source: ImageSource
) -> float:
    right = [
        int(np.argmax(session.run([LOGITS], {IMAGE: _normalised(network, batch)})[0]))
        == int(batch.labels)
        for batch in all_batches(source, batch_size=1, device=CPU)
    ]
    return sum(right) / len(right)
