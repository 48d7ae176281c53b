"""Networks that others learn from: real-valued twins, and networks that were trained before."""

from dataclasses import replace
from pathlib import Path

import torch

from space.decode import decode
from space.graph import BlockGraph
from space.graph_json import graph_from_json
from space.nn.network import Network
from space.nn.real import real_network
from space.search_space import SearchSpace
from space.uniform import largest_genotype

from .batches import split_in_halves
from .data.dataset import Dataset
from .data_choice import DataChoice, require_same_split
from .errors import BarsError
from .random_numbers import initial_weights
from .ranks import is_first
from .run_folder import read_config
from .train import load_best, train
from .train_result import RESULT
from .train_settings import TrainSettings

GRAPH, TEACHER = "graph.json", "teacher"
NONE, FLOAT = "none", "float"


def float_teacher(
    graph: BlockGraph, dataset: Dataset, settings: TrainSettings, *, folder: Path,
    device: torch.device,
) -> Network:  # fmt: skip
    """Return the trained real-valued twin of a graph.

    settings: of the network that learns from it. It is trained in the folder, goes on where it was,
    or is only read where it is finished.
    """
    with initial_weights(settings.seed):
        teacher = real_network(graph, dataset.mean, dataset.std)
    if is_first():
        folder.mkdir(exist_ok=True)
    settings = replace(settings, real_weight_epochs=0)
    train(teacher, dataset, settings, folder=folder, device=device, title="teacher")
    return teacher.eval()


def twin_of_largest(
    space: SearchSpace, dataset: Dataset, settings: TrainSettings, *, folder: Path,
    device: torch.device,
) -> Network:  # fmt: skip
    """Return the float teacher of a search, trained in a folder of the search's.

    It is the twin of the network that convolves everything at full width and depth, and learns from
    the images of the weights alone: those that judge architectures stay unseen.
    """
    weights_half, _ = split_in_halves(dataset.train, seed=settings.seed)
    return float_teacher(
        decode(largest_genotype(space)), replace(dataset, train=weights_half), settings,
        folder=folder / TEACHER, device=device,
    )  # fmt: skip


def trained_teacher(
    folder: Path, data: DataChoice, dataset: Dataset, *, device: torch.device
) -> Network:
    """Return a finished training's network, or the float teacher that it learned from, if any.

    data: the choice that the dataset is of. Raises BarsError where the training has not ended, or
    was on other images: of another form, or of a split in which it saw what validates here.
    """
    config = read_config(folder, command="train")
    of_float = config.get("teacher") == FLOAT
    weights = folder / TEACHER if of_float else folder
    if not (folder / RESULT).exists():
        raise BarsError(
            f"{folder} is a training that has not ended; go on with barsctl train --resume, "
            "or take another --teacher"
        )
    graph = graph_from_json((folder / GRAPH).read_bytes(), what=str(folder / GRAPH))
    found = (graph.image_channels, graph.image_size, graph.classes)
    needed = (dataset.channels, dataset.image_size, len(dataset.class_names))
    if found != needed:
        raise BarsError(
            f"--teacher {folder} reads (channels, size, classes) {found}, {dataset.name} has "
            f"{needed}; take a training on the same images"
        )
    learned = config.get("data")
    if isinstance(learned, dict):
        require_same_split(f"--teacher {folder}", learned.get("name"), learned.get("seed"), data)
    make = real_network if of_float else Network
    teacher = make(graph, dataset.mean, dataset.std).to(device)
    load_best(teacher, weights, device=device)
    return teacher.eval()
