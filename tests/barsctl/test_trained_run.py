import json
import shutil
from pathlib import Path

import pytest
import torch

from barsctl.errors import BarsError
from barsctl.trained_run import read_trained
from tests.barsctl.tiny_packages import train_tiny


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(tmp_path_factory.mktemp("trained"))


def test_folder_stands_for_its_best_checkpoint(run: Path) -> None:
    from_folder, from_file = (read_trained(path) for path in (run, run / "best.safetensors"))
    pixels = torch.arange(64, dtype=torch.uint8).reshape(1, 1, 8, 8)
    assert torch.equal(from_folder.network(pixels), from_file.network(pixels))
    assert not from_folder.network.training
    assert from_folder.dataset.name == "npz"


def test_missing_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(BarsError, match=r"gone is not there; give the folder"):
        read_trained(tmp_path / "gone")


def test_search_run_cannot_be_compiled(run: Path, tmp_path: Path) -> None:
    config = json.loads((run / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"command": "search"}))
    for name in ("best.safetensors", "result.json"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    with pytest.raises(BarsError, match="is a run of 'search', one of 'train' is needed"):
        read_trained(tmp_path)


def test_unfinished_training_is_taken_by_its_checkpoint_only(run: Path, tmp_path: Path) -> None:
    unfinished = tmp_path / "run"
    shutil.copytree(run, unfinished)
    (unfinished / "result.json").unlink()
    with pytest.raises(BarsError, match=r"has not ended; .* --resume, or give .*best.safetensors"):
        read_trained(unfinished)
    assert read_trained(unfinished / "best.safetensors").dataset.name == "npz"
