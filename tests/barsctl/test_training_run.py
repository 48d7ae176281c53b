import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from barsctl.data_choice import DataChoice
from barsctl.derive import DeriveSettings, derive
from barsctl.errors import BarsError
from barsctl.folder_lock import FolderInUseError, run_lock
from barsctl.inspection.inspect import inspect
from barsctl.judge import JudgeSettings
from barsctl.run_folder import read_metrics
from barsctl.scaled_reference import ReferenceChoice
from barsctl.search_run import search_run
from barsctl.train_result import SearchedAccuracies
from barsctl.train_settings import TrainSettings
from barsctl.training_run import TrainConfig, read_subject, train_config, training_run
from barsctl.trials import trial_run
from space.genotype import random_genotype, read_genotype, write_genotype
from space.graph_json import graph_from_json
from tests.barsctl.tiny_runs import CPU, SEARCH, SPACE, tiny_config, tiny_dataset, write_images

OLD_CONFIG = Path(__file__).parents[1] / "data" / "train-config-1.json"
SETTINGS = TrainSettings(epochs=1, batch_size=16)


def config(source: str | Path, data: DataChoice) -> TrainConfig:
    return TrainConfig(2, "train", str(source), data, "none", inherit=False, settings=SETTINGS)


def genotype_file(folder: Path) -> Path:
    write_genotype(random_genotype(SPACE, np.random.default_rng(2)), folder / "mine.json")
    return folder / "mine.json"


def searched(folder: Path, data: DataChoice) -> Path:
    """A search and the genotype derived from it."""
    search = tiny_config(data, settings=replace(SEARCH, epochs=1, warmup_epochs=0))
    search_run(search, tiny_dataset(folder), folder=folder / "search", resume=False, device=CPU)
    derive(
        folder / "search", DeriveSettings(1, JudgeSettings(batch_size=16)), device=CPU, notify=print
    )
    return folder / "search"


def test_genotype_file_is_trained(tmp_path: Path) -> None:
    data, source = write_images(tmp_path), genotype_file(tmp_path)
    run = tmp_path / "run"
    training_run(config(source, data), folder=run, resume=False, device=CPU, notify=print)
    assert read_genotype(run / "genotype.json") == read_genotype(source)
    assert graph_from_json((run / "graph.json").read_text()).classes == 3
    for name in ("config.json", "best.safetensors", "last.safetensors", "result.json"):
        assert (run / name).exists()


def test_reference_network_is_trained(tmp_path: Path) -> None:
    subject = read_subject("bireal-18", tiny_dataset(tmp_path))
    assert (subject.graph.image_size, subject.graph.classes) == (8, 3)
    assert subject.genotype is None


def test_inherited_weights_are_the_supernets(tmp_path: Path) -> None:
    data = write_images(tmp_path)
    search = searched(tmp_path, data)
    losses = []
    for inherit in (False, True):
        run = tmp_path / f"run{inherit}"
        chosen = replace(config(search, data), inherit=inherit)
        training_run(chosen, folder=run, resume=False, device=CPU, notify=print)
        losses.append(read_metrics(run)[0]["loss"])
    assert losses[0] != losses[1]
    chosen = replace(config(genotype_file(tmp_path), data), inherit=True)
    with pytest.raises(BarsError, match="has no supernet to inherit from; give a search run"):
        training_run(chosen, folder=tmp_path / "other", resume=False, device=CPU, notify=print)


def test_training_goes_on_from_the_same_trial(tmp_path: Path) -> None:
    """To the same bytes; another seed, teacher or data are trained from the beginning."""
    data, lines = write_images(tmp_path), list[str]()
    search = searched(tmp_path, data)
    tried = DeriveSettings(1, JudgeSettings(batch_size=16), trials=1, trial_epochs=1)
    derive(search, tried, device=CPU, notify=print)
    same = replace(SETTINGS, epochs=3, label_smoothing=0.0)
    asked = replace(config(search, data), settings=same)

    def trained(name: str, asked: TrainConfig) -> Path:
        run = tmp_path / name
        training_run(asked, folder=run, resume=False, device=CPU, notify=lines.append)
        return run

    begun = trained("begun", asked)
    (told,) = lines
    assert told.endswith("began this training: it goes on from there")
    (trial,) = (search / "trial").iterdir()
    trained("other-seed", replace(asked, settings=replace(same, seed=1)))
    trained("taught", replace(asked, teacher="float"))
    trained("inherited", replace(asked, inherit=True))
    trained("elsewhere", replace(asked, data=replace(data, seed=1)))
    whole = trial.rename(tmp_path / "whole")
    anew = trained("anew", asked)
    assert len(lines) == 1
    for name in ("last.safetensors", "best.safetensors", "metrics.jsonl", "result.json"):
        assert (begun / name).read_bytes() == (anew / name).read_bytes()
    # What is begun goes on from what it has, whatever a trial has.
    (anew / "last.safetensors").write_bytes(b"")
    whole.rename(trial)
    with pytest.raises(BarsError, match=r"anew/last\.safetensors cannot be read"):
        training_run(asked, folder=anew, resume=True, device=CPU, notify=lines.append)
    (trial / "best.safetensors").unlink()  # and one that lost a file is not taken
    trained("lost", asked)
    assert len(lines) == 1


def test_trial_that_goes_on_beside_a_training_is_taken_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint is read first: what is newer beside it is computed again."""
    data = write_images(tmp_path)
    search = searched(tmp_path, data)
    settings = replace(SETTINGS, epochs=5, label_smoothing=0.0)
    genotype, dataset = read_genotype(search / "genotype.json"), tiny_dataset(tmp_path)

    def try_until(epoch: int) -> Path:
        return trial_run(search, genotype, dataset, settings, epochs=epoch, device=CPU)

    trial = try_until(1)
    read = Path.read_bytes

    def read_slowly(path: Path) -> bytes:
        content = read(path)
        if path.parent == trial and next(epochs, None):
            try_until(2)
        return content

    epochs = iter([2])
    monkeypatch.setattr(Path, "read_bytes", read_slowly)
    asked = replace(config(search, data), settings=settings)
    begun, anew = tmp_path / "begun", tmp_path / "anew"
    training_run(asked, folder=begun, resume=False, device=CPU, notify=print)
    assert list(epochs) == []
    shutil.rmtree(trial)
    training_run(asked, folder=anew, resume=False, device=CPU, notify=print)
    for name in ("last.safetensors", "best.safetensors", "metrics.jsonl", "result.json"):
        assert (begun / name).read_bytes() == (anew / name).read_bytes()


def test_trained_network_is_told_beside_its_search(tmp_path: Path) -> None:
    data, run = write_images(tmp_path), tmp_path / "run"
    search = searched(tmp_path, data)
    gap = read_metrics(search)[-1]["gap"]
    trained = training_run(config(search, data), folder=run, resume=False, device=CPU, notify=print)
    (judged,) = json.loads((search / "derive.json").read_text())["candidates"]
    assert trained.searched == SearchedAccuracies(
        gap["relaxed"], gap["discretised"], judged["accuracy"]
    )
    details = inspect(run / "result.json").details
    assert details["searched_relaxed"] == gap["relaxed"]
    assert details["searched_discretised"] == gap["discretised"]
    assert details["searched_derived"] == judged["accuracy"]
    assert details["validation_accuracy"] == trained.validation_accuracy
    # A search's metrics may be gone, and a genotype alone has none.
    (search / "metrics.jsonl").unlink()
    again = training_run(config(search, data), folder=run, resume=True, device=CPU, notify=print)
    assert again == replace(trained, searched=None)
    assert "searched_relaxed" not in inspect(run / "result.json").details


def test_float_teacher_is_kept_in_the_run(tmp_path: Path) -> None:
    data, source = write_images(tmp_path), genotype_file(tmp_path)
    taught = replace(config(source, data), teacher="float")
    run = tmp_path / "run"
    trained = training_run(taught, folder=run, resume=False, device=CPU, notify=print)
    teacher = json.loads((run / "teacher" / "result.json").read_text())
    assert set(teacher) == {"best_epoch", "validation_accuracy", "test_accuracy", "searched"}
    before = (run / "teacher" / "best.safetensors").read_bytes()
    assert training_run(taught, folder=run, resume=True, device=CPU, notify=print) == trained
    assert (run / "teacher" / "best.safetensors").read_bytes() == before


def test_real_weights_first_change_nothing_of_the_teacher(tmp_path: Path) -> None:
    data, source = write_images(tmp_path), genotype_file(tmp_path)
    losses, teachers = [], []
    for stages in (1, 2):
        settings = replace(SETTINGS, epochs=2, real_weight_epochs=stages - 1)
        taught = replace(config(source, data), teacher="float", settings=settings)
        run = tmp_path / f"run{stages}"
        training_run(taught, folder=run, resume=False, device=CPU, notify=print)
        losses.append(read_metrics(run)[0]["loss"])
        teachers.append((run / "teacher" / "best.safetensors").read_bytes())
    assert losses[0] != losses[1]
    assert teachers[0] == teachers[1]


def test_source_that_is_nothing_names_what_it_may_be(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path)
    with pytest.raises(BarsError, match=r"'resnet' is no search run.*xnor-resnet-18"):
        read_subject("resnet", dataset)
    with pytest.raises(BarsError, match=r"has no genotype.json; run barsctl derive"):
        read_subject(str(tmp_path), dataset)


def test_genotype_of_other_images_is_refused(tmp_path: Path) -> None:
    other = random_genotype(replace(SPACE, classes=7), np.random.default_rng(0))
    write_genotype(other, tmp_path / "other.json")
    with pytest.raises(BarsError, match=r"\(1, 8, 7\), npz has \(1, 8, 3\)"):
        read_subject(str(tmp_path / "other.json"), tiny_dataset(tmp_path))


def test_resume_refuses_another_source(tmp_path: Path) -> None:
    data, source = write_images(tmp_path), genotype_file(tmp_path)
    run = tmp_path / "run"
    training_run(config(source, data), folder=run, resume=False, device=CPU, notify=print)
    with pytest.raises(BarsError, match=r"was started with source=.*mine\.json, not bireal-18"):
        training_run(config("bireal-18", data), folder=run, resume=True, device=CPU, notify=print)


def test_source_is_no_folder_to_train_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference's name would stand for the run from then on."""
    monkeypatch.chdir(tmp_path)
    reference = config("bireal-18", write_images(tmp_path))
    with pytest.raises(BarsError, match=r"bireal-18 is what is trained, or has its name; .* --out"):
        training_run(reference, folder=Path("bireal-18"), resume=False, device=CPU, notify=print)
    assert not Path("bireal-18").exists()


def test_weights_of_another_split_are_not_inherited(tmp_path: Path) -> None:
    """They learned from images that would choose the best epoch."""
    data = write_images(tmp_path)
    other = replace(config(searched(tmp_path, data), replace(data, seed=1)), inherit=True)
    with pytest.raises(BarsError, match=r"--inherit .* split of seed 0 of npz, .* seed 1; give"):
        training_run(other, folder=tmp_path / "run", resume=False, device=CPU, notify=print)
    assert not (tmp_path / "run").exists()


def test_training_beside_another_is_refused(tmp_path: Path) -> None:
    """It would write over the other's best epoch."""
    data, source, run = write_images(tmp_path), genotype_file(tmp_path), tmp_path / "run"
    run.mkdir()
    with run_lock(run), pytest.raises(FolderInUseError, match=r"another search or training is at"):
        training_run(config(source, data), folder=run, resume=True, device=CPU, notify=print)
    assert not (run / "last.safetensors").exists()


def test_same_network_may_lie_elsewhere_by_now(tmp_path: Path) -> None:
    data, source, run = write_images(tmp_path), genotype_file(tmp_path), tmp_path / "run"
    training_run(config(source, data), folder=run, resume=False, device=CPU, notify=print)
    moved = source.rename(tmp_path / "moved.json")
    before = (run / "result.json").read_bytes()
    training_run(config(moved, data), folder=run, resume=True, device=CPU, notify=print)
    assert (run / "result.json").read_bytes() == before
    assert json.loads((run / "config.json").read_text())["source"] == str(moved)


def test_resume_refuses_what_stands_for_another_network_by_now(tmp_path: Path) -> None:
    """The folder is left as it was, down to the graph that its weights belong to."""
    data, source = write_images(tmp_path), genotype_file(tmp_path)
    run, other = tmp_path / "run", read_genotype(source)
    training_run(config(source, data), folder=run, resume=False, device=CPU, notify=print)
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    write_genotype(random_genotype(SPACE, np.random.default_rng(3)), source)
    assert read_genotype(source) != other
    with pytest.raises(BarsError, match="trains another network than"):
        training_run(config(source, data), folder=run, resume=True, device=CPU, notify=print)
    assert {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()} == before


def test_config_of_format_1_still_loads() -> None:
    fields = json.loads(OLD_CONFIG.read_text())
    found = train_config(fields, what="old")
    assert found.reference == ReferenceChoice()
    assert found.settings.real_weight_epochs == 0
    of_path = train_config({**fields, "source": "search"}, what="old")
    assert of_path.reference is None


def test_training_of_format_1_goes_on(tmp_path: Path) -> None:
    data, source = write_images(tmp_path), genotype_file(tmp_path)
    run = tmp_path / "run"
    trained = training_run(config(source, data), folder=run, resume=False, device=CPU, notify=print)
    fields = json.loads((run / "config.json").read_text())
    del fields["reference"], fields["settings"]["real_weight_epochs"]
    (run / "config.json").write_text(json.dumps({**fields, "format": 1}))
    again = training_run(config(source, data), folder=run, resume=True, device=CPU, notify=print)
    assert again == trained


def test_reference_is_trained_as_chosen(tmp_path: Path) -> None:
    choice = ReferenceChoice(channels=16, stages=2)
    graph = read_subject("quicknet-like", tiny_dataset(tmp_path), reference=choice).graph
    assert graph.node("s1l3.conv").block.out_channels == 32
