import json
import math
from pathlib import Path

from harness.report import Check, Options, report


def test_missing_figure_is_null_in_json(tmp_path: Path) -> None:
    """JSON has no NaN, and readers that keep to it refuse one."""
    path = tmp_path / "report.json"
    checks = [Check("points", math.nan, at_least=1.0), Check("share", 0.5, at_most=1.0)]
    report("none", [{"cell": "a", "accuracy": math.nan}], checks, Options(path, False, False))
    found = json.loads(path.read_text(), parse_constant=lambda name: name)
    assert [(each["value"], each["ok"]) for each in found["checks"]] == [(None, False), (0.5, True)]
    assert found["rows"] == [{"cell": "a", "accuracy": None}]
