"""A trained run as its folder keeps it: the network with its weights, and its images."""

from dataclasses import dataclass
from pathlib import Path

import torch

from space.graph_json import graph_from_json
from space.nn.network import Network

from .checkpoint import load_checkpoint
from .data.dataset import Dataset
from .data_choice import load_choice
from .errors import BarsError
from .run_folder import read_config
from .teachers import GRAPH
from .train import BEST
from .train_result import RESULT
from .training_run import train_config


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """A network that was trained on a data set."""

    network: Network
    dataset: Dataset


def read_trained(source: Path) -> TrainedRun:
    """Read a training's folder (its best weights) or one checkpoint in it, on the CPU.

    Raises BarsError where it is neither or the training has not ended, DataError where its images
    are gone.
    """
    folder, weights = (source, source / BEST) if source.is_dir() else (source.parent, source)
    if not weights.is_file():
        raise BarsError(f"{weights} is not there; give the folder of a finished barsctl train")
    if source.is_dir() and not (folder / RESULT).exists():
        raise BarsError(
            f"{folder} is a training that has not ended; go on with barsctl train --resume, "
            f"or give {weights} to take it as it is"
        )
    config = train_config(read_config(folder, command="train"), what=f"{folder} as a training")
    graph = graph_from_json((folder / GRAPH).read_bytes(), what=str(folder / GRAPH))
    checkpoint = load_checkpoint(weights, device=torch.device("cpu"))
    dataset = load_choice(config.data)
    network = Network(graph, dataset.mean, dataset.std)
    # Where a moving average is kept beside the weights, it is what was evaluated.
    checkpoint.restore(network, "average" if checkpoint.part("average") else "network")
    network.eval()
    return TrainedRun(network, dataset)
