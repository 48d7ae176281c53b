"""A training run: what to train, what it starts from and learns from, and its folder."""

import json
import shutil
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from pydantic import TypeAdapter

from space.atomic import write_atomically
from space.decode import decode
from space.genotype import Genotype, genotype_of, read_genotype, write_genotype
from space.graph import BlockGraph
from space.graph_json import graph_document, graph_from_json, graph_to_json
from space.nn.network import Network
from space.references import REFERENCES
from space.strict_json import dump_strict, parse_strict
from targets.toolchain import Notify

from .data.dataset import Dataset
from .data_choice import DataChoice, load_choice, require_same_split
from .errors import BarsError, about
from .folder_lock import run_lock
from .network_rows import kept_choices
from .random_numbers import initial_weights
from .ranking_file import DERIVED, read_ranking
from .ranks import is_first, wait_for_first
from .run_folder import (
    CONFIG,
    EVENTS,
    GENOTYPE,
    LAST,
    METRICS,
    Json,
    Row,
    open_run,
    read_config,
    write_json,
)
from .scaled_reference import PUBLISHED, Images, ReferenceChoice, reference_graph, scaled
from .search_run import last_gap, load_search, read_search_config
from .teachers import GRAPH, TEACHER, float_teacher
from .train import BEST, train
from .train_result import RESULT, SearchedAccuracies, Trained
from .train_settings import LATER_TRAIN_SETTINGS, TrainSettings
from .trials import trial_folder

Teacher = Literal["none", "float"]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is trained: a graph, and the genotype and search run that it comes from, if any."""

    graph: BlockGraph
    genotype: Genotype | None = None
    search_folder: Path | None = None


def read_subject(
    source: str, dataset: Dataset, *, reference: ReferenceChoice = PUBLISHED
) -> Subject:
    """Return what a search run, a genotype file or a reference's name stands for.

    reference: which form of it. Raises BarsError where it is none of them, SpaceError where it does
    not fit the images.
    """
    path = Path(source)
    if path.is_dir():
        if not (path / GENOTYPE).exists():
            raise BarsError(f"{path} has no {GENOTYPE}; run barsctl derive {path} first")
        genotype = read_genotype(path / GENOTYPE)
        subject = Subject(decode(genotype), genotype, path)
    elif path.is_file():
        genotype = read_genotype(path)
        subject = Subject(decode(genotype), genotype)
    elif source in REFERENCES:
        subject = Subject(reference_graph(source, reference, _images(dataset)))
    else:
        raise BarsError(
            f"{source!r} is no search run, no genotype file and no reference network; "
            f"give a path, or one of {', '.join(REFERENCES)}"
        )
    _require_fit(source, subject.graph, dataset)
    return subject


def _images(dataset: Dataset) -> Images:
    return Images(dataset.channels, dataset.image_size, len(dataset.class_names))


def searched_images(source: str) -> DataChoice | None:
    """Return the images of a search run, if the source is one."""
    folder = Path(source)
    return read_search_config(folder).data if (folder / CONFIG).exists() else None


def _require_fit(source: str, graph: BlockGraph, dataset: Dataset) -> None:
    found = (graph.image_channels, graph.image_size, graph.classes)
    images = _images(dataset)
    needed = (images.channels, images.size, images.classes)
    if found != needed:
        raise BarsError(
            f"{source} reads (channels, size, classes) {found}, {dataset.name} has {needed}; "
            "take the images that it was searched for"
        )


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything that decides what a training does, as config.json holds it.

    teacher "float": the same graph with real weights and activations is trained first, in the
    folder's teacher/, and the network learns from its answers too. inherit: start from the weights
    of the search run's supernet. reference: which form of a reference; None where the source is a
    path.
    """

    format: Literal[2]
    command: Literal["train"]
    source: str
    data: DataChoice
    teacher: Teacher
    inherit: bool
    settings: TrainSettings
    reference: ReferenceChoice | None = None


_ADAPTER = TypeAdapter(TrainConfig)
# What a config means that was written before it could say so.
_LATER: dict[str, Mapping[str, object]] = {"settings": LATER_TRAIN_SETTINGS}


def train_config(fields: Row, *, what: str) -> TrainConfig:
    """Return the config that a file's fields hold. Raises SpaceError or BarsError about `what`."""
    with about(what):
        return parse_strict(json.dumps(_upgraded(fields)), _ADAPTER, what=what, later=_LATER)


def _today(fields: Row) -> Row:
    """An older version's config with the fields of today's."""
    found: Row = json.loads(dump_strict(train_config(fields, what=CONFIG), _ADAPTER))
    return found


def _upgraded(fields: Row) -> Row:
    """A config.json's fields as those of format 2; in 1 references had one form."""
    if fields.get("format") != 1:
        return fields
    published: dict[str, Json] = {
        "channels": None, "stem": "published", "stages": None, "budgets": [], "tables": [],
    }  # fmt: skip
    reference = published if fields.get("source") in REFERENCES else None
    return {**fields, "format": 2, "reference": reference}


def training_run(
    config: TrainConfig, *, folder: Path, resume: bool, device: torch.device, notify: Notify
) -> Trained:
    """Train in a folder of its own; see `train` for what it leaves there, beside graph.json.

    Where the network comes from a search, the result tells what that search knew of it, and where
    a trial began the same training it goes on from there. A reference that has budgets and no
    channels yet is trained with the most that keep to them, which config.json then names: see
    `scaled`. Raises BarsError where the folder trains another network or is its source,
    FolderInUseError where another training is at work in it, DivergedError where weights diverge.
    """
    if folder.absolute() == Path(config.source).absolute():
        raise BarsError(
            f"{folder} is what is trained, or has its name; a training needs a folder of its own: "
            "choose another --out"
        )
    dataset = load_choice(config.data)
    if config.reference is not None and config.source in REFERENCES:
        found = scaled(config.source, config.reference, _images(dataset), notify=notify)
        config = replace(config, reference=found)
    subject = read_subject(config.source, dataset, reference=config.reference or PUBLISHED)
    network = _initial_network(config, subject, dataset, device=device)
    if is_first():
        _open(config, subject.graph, folder, resume=resume)
    with run_lock(folder) if is_first() else nullcontext():
        if is_first():
            write_atomically(folder / GRAPH, graph_to_json(subject.graph))
            if subject.genotype is not None:
                write_genotype(subject.genotype, folder / GENOTYPE)
            _take_trial(config, subject, folder, device=device, notify=notify)
        wait_for_first()
        return _trained(config, subject, network, dataset, folder=folder, device=device)


def _open(config: TrainConfig, graph: BlockGraph, folder: Path, *, resume: bool) -> None:
    """Start the folder, or check that it trains this network.

    A path may lead there from another place by now: graph.json tells whether it is the same.
    """

    def upgraded(found: Row) -> Row:
        today = _today(found)
        is_path = REFERENCES.keys().isdisjoint((today["source"], config.source))
        return {**today, "source": config.source} if is_path else today

    fields = json.loads(dump_strict(config, _ADAPTER))
    open_run(folder, fields, resume=resume, upgrade=upgraded)
    _require_same_network(config.source, graph, folder)
    if read_config(folder, command="train")["source"] != config.source:
        write_json(folder / CONFIG, fields)


def _trained(
    config: TrainConfig, subject: Subject, network: Network, dataset: Dataset, *,
    folder: Path, device: torch.device,
) -> Trained:  # fmt: skip
    """Train the network, and tell what its search knew of it."""
    searched = _searched_accuracies(subject)
    teacher = None
    if config.teacher == "float":
        teacher = float_teacher(
            subject.graph, dataset, config.settings, folder=folder / TEACHER, device=device
        )
    trained = train(
        network, dataset, config.settings, folder=folder, device=device, teacher=teacher
    )
    if searched is None:
        return trained
    trained = replace(trained, searched=searched)
    if is_first():
        write_json(folder / RESULT, asdict(trained))
    return trained


def _take_trial(
    config: TrainConfig, subject: Subject, folder: Path, *, device: torch.device, notify: Notify
) -> None:
    """Begin where a trial of the search left the same training, if this one is not begun yet."""
    search, genotype = subject.search_folder, subject.genotype
    if search is None or genotype is None or config.inherit or config.teacher != "none":
        return
    trial = trial_folder(search, genotype, config.settings, device=device)
    # The last one is what a training goes on from. Where the trial goes on beside us, the others
    # are newer, and what they know more is done again.
    names = (LAST, BEST, METRICS)
    is_whole = all((trial / name).exists() for name in names)
    is_same = is_whole and read_search_config(search).data == config.data
    if not is_same or (folder / LAST).exists():
        return
    found = [(folder / name, (trial / name).read_bytes()) for name in names]
    if (trial / EVENTS).exists():
        shutil.copytree(trial / EVENTS, folder / EVENTS, dirs_exist_ok=True)
    for path, content in reversed(found):
        write_atomically(path, content)
    notify(f"{trial} began this training: it goes on from there")


def _require_same_network(source: str, graph: BlockGraph, folder: Path) -> None:
    """Networks of other edges may have weights of the same shapes: no checkpoint tells."""
    path = folder / GRAPH
    if not path.exists():
        return
    begun = graph_from_json(path.read_bytes(), what=str(path))
    if graph_document(begun) != graph_document(graph):
        raise BarsError(
            f"{folder} trains another network than {source} stands for by now; choose another --out"
        )


def _searched_accuracies(subject: Subject) -> SearchedAccuracies | None:
    if subject.search_folder is None or subject.genotype is None:
        return None
    gap = last_gap(subject.search_folder)
    if gap is None:
        return None
    space, network = subject.genotype.space, kept_choices(subject.genotype)
    path = subject.search_folder / DERIVED
    ranking = read_ranking(path) if path.exists() else ()
    derived = (
        each.accuracy
        for each in ranking
        if kept_choices(genotype_of(space, each.choices)) == network
    )
    return SearchedAccuracies(gap.relaxed, gap.discretised, next(derived, None))


def _initial_network(
    config: TrainConfig, subject: Subject, dataset: Dataset, *, device: torch.device
) -> Network:
    if not config.inherit:
        with initial_weights(config.settings.seed):
            return Network(subject.graph, dataset.mean, dataset.std)
    if subject.genotype is None or subject.search_folder is None:
        raise BarsError(f"{config.source} has no supernet to inherit from; give a search run")
    search_config = read_search_config(subject.search_folder)
    learned = search_config.data
    require_same_split(f"--inherit {config.source}", learned.name, learned.seed, config.data)
    state, _ = load_search(search_config, dataset, folder=subject.search_folder, device=device)
    return state.supernet.network_for(subject.genotype)
