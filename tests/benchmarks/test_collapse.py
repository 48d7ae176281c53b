from collapse import checks_of
from harness.report import Cell


def row(search: str, *, gap: float, trained: float, warned: bool) -> dict[str, Cell]:
    return {
        "search": search, "seed": 0, "gap": gap, "trained": trained, "entropy": 1.0,
        "parameter_free": 0.5, "warned_in_epoch": 3 if warned else "never",
    }  # fmt: skip


def missed(*, unheld_warned: bool = True, defaults_trained: float = 0.8) -> list[str]:
    rows = [
        row("unheld", gap=0.4, trained=0.7, warned=unheld_warned),
        row("undecided", gap=0.2, trained=0.75, warned=True),
        row("defaults", gap=0.05, trained=defaults_trained, warned=False),
    ]
    return [check.name for check in checks_of(rows) if not check.ok]


def test_every_collapse_must_be_warned_of() -> None:
    assert missed() == []
    assert missed(unheld_warned=False) == ["unheld is warned of, seed 0"]


def test_defaults_must_find_the_better_network() -> None:
    assert missed(defaults_trained=0.72) == ["trained, defaults over undecided"]
