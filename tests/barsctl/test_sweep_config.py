"""A sweep's config: its cells, its file, and files of older versions."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from barsctl.errors import BarsError
from barsctl.run_folder import open_run
from barsctl.sweep_config import cells, read_sweep_config, sweep_fields, upgrading
from space.errors import SpaceError

OLD_CONFIG = Path(__file__).parents[1] / "data" / "sweep-config-1.json"


def test_config_of_format_1_still_loads() -> None:
    config = read_sweep_config(OLD_CONFIG)
    assert [space.name for space in config.spaces] == ["demo", "fashion"]
    assert (config.search_teacher, config.teacher, config.trials) == ("none", "none", 0)
    assert [cell.name for cell in cells(config)][:2] == ["demo-bops=2M-seed0", "demo-bops=2M-seed1"]


def test_sweep_of_format_1_goes_on(tmp_path: Path) -> None:
    """It had its spaces by name, and took them for its images."""
    (tmp_path / "config.json").write_bytes(OLD_CONFIG.read_bytes())
    config = read_sweep_config(OLD_CONFIG)
    asked = replace(config, spaces=tuple(replace(each, classes=7) for each in config.spaces))
    open_run(tmp_path, sweep_fields(asked), resume=True, upgrade=upgrading(asked))
    other = replace(asked, trials=3)
    with pytest.raises(BarsError, match="was started with trials=0, not 3"):
        open_run(tmp_path, sweep_fields(other), resume=True, upgrade=upgrading(other))


def test_damaged_config_is_refused(tmp_path: Path) -> None:
    fields = json.loads(OLD_CONFIG.read_text())
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**fields, "seeds": "all"}))
    with pytest.raises(SpaceError, match="seeds is 'all'"):
        read_sweep_config(path)


@pytest.mark.parametrize("name", ["../mine", "/home/mine", ".mine", "a/b"])
def test_space_that_can_name_no_folder_is_refused(name: str) -> None:
    config = read_sweep_config(OLD_CONFIG)
    spaces = (replace(config.spaces[0], name=name),)
    with pytest.raises(BarsError, match="names folders of the sweep; give it another name"):
        cells(replace(config, spaces=spaces))
