"""Cost models of other distributions: the documented example, installed, and broken ones."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from barsctl.budgets import Budget, format_cost, parse_budget
from barsctl.errors import BarsError
from costmodels.errors import CostError
from costmodels.plugins import GROUP, load_plugin, plugin_points
from space.cost_terms import cost_terms
from space.presets import named_space
from tests.barsctl.command_line import CommandLine
from tests.barsctl.tiny_runs import write_images

DOCUMENT = Path(__file__).parents[2] / "docs" / "cost_models.md"


def install(folder: Path, name: str, module: str, points: str) -> None:
    """Put a distribution of one module into a folder, as pip leaves it there."""
    (folder / f"{name}.py").write_text(module)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{points}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return an empty folder that Python finds distributions in."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if (folder / f"{name}.py").exists():
            del sys.modules[name]


def documented(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def test_documented_example_limits_search_and_derive(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    point = re.search(r'cost_models"\]\n(.*?)\n', documented("toml"))
    assert point is not None
    install(site, "energy_model", documented("python"), point[1].replace('"', ""))
    barsctl = CommandLine(monkeypatch, capsys)
    data, run = write_images(tmp_path).data_dir, tmp_path / "run"
    words = (
        "search", "--data", "npz", "--data-dir", data, "--batch-size", 16, "--device", "cpu",
        "--epochs", 2, "--warmup-epochs", 1, "--out", run, "--json",
    )  # fmt: skip
    refused = barsctl(*words, "--budget", "energy=1")
    assert refused.exit_code == 3
    assert re.search(r"energy 1 pJ \(smallest reachable \d+", refused.err)
    searched = barsctl(*words, "--budget", "energy=9k")
    assert searched.exit_code == 0
    assert json.loads(searched.out)["budget"] == {"energy": 9000}
    derived = barsctl("derive", run, "--candidates", 2, "--json")
    costs = [each["cost"]["energy"] for each in json.loads(derived.out)["candidates"]]
    assert all(0 < cost <= 9000 for cost in costs)
    assert "energy" in barsctl("derive", run, "--candidates", 1, "--budget", "energy=8k").out

    (site / "energy_model-1.0.dist-info" / "entry_points.txt").unlink()
    gone = barsctl("derive", run)
    assert gone.exit_code == 1
    assert "budget energy: no installed distribution has that cost model" in gone.err


def test_documented_example_passes_its_own_test() -> None:
    module: dict[str, object] = {}
    exec(documented("python"), module)
    check = module["test_energy_is_a_cost_model"]
    assert callable(check)
    check()


def test_installed_models_are_listed(site: Path) -> None:
    install(site, "joules", "", "joules = joules:MODEL")
    with pytest.raises(BarsError, match=r"'speed' is not a cost; write one of .*, ram, joules, as"):
        parse_budget("speed=2")
    assert parse_budget("joules=2.5M") == Budget("joules", 2.5e6)
    assert format_cost("joules", 2.5e6) == "2.5M"


MODEL = "class Model:\n    name = 'joules'\n    unit = 'J'\n    def cost(self, block):\n        "


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("import no_such_library", r"cannot be loaded \(ModuleNotFoundError: .*no_such_library"),
        ("Model = 3", r"cannot be loaded \(TypeError: 'int' object is not callable"),
        ("def Model(): return 3", "gives int, which is no cost model"),
        ("class Model: name = 'joules'", "gives Model, which is no cost model"),
        (MODEL.replace("joules", "watts") + "return 1", "calls itself 'watts'"),
    ],
)
def test_what_gives_no_model_is_one_line(module: str, message: str, site: Path) -> None:
    install(site, "joules_model", module, "joules = joules_model:Model")
    with pytest.raises(CostError, match=rf"cost model 'joules' of joules_model .*{message}"):
        load_plugin(plugin_points(())["joules"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("return float('nan')", "says nan for"),
        ("return -1", "says -1.0 for"),
        ("return 'much'", r"fails on .* \(ValueError: could not convert"),
        ("raise KeyError(3)", r"fails on .* \(KeyError: 3\)"),
    ],
)
def test_what_is_no_cost_is_one_line(line: str, message: str, site: Path) -> None:
    install(site, "joules_model", MODEL + line, "joules = joules_model:Model")
    model = load_plugin(plugin_points(())["joules"])
    assert (model.name, model.unit) == ("joules", "J")
    with pytest.raises(CostError, match=message):
        model.cost(cost_terms(named_space("demo"))[0].block)


def test_names_that_clash_are_refused(site: Path) -> None:
    install(site, "first", MODEL + "return 1", "joules = first:Model")
    install(site, "second", MODEL + "return 2", "joules = second:Model")
    with pytest.raises(CostError, match=r"of (first|second) .* has that name too; uninstall one"):
        plugin_points(())
    with pytest.raises(CostError, match="barsctl has a cost of that name; rename the entry point"):
        plugin_points(("joules",))


def test_own_costs_need_no_look_at_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("costmodels.plugins.entry_points", None)
    assert parse_budget("bops=3M") == Budget("bops", 3e6)
