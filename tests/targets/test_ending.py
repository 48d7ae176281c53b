import pytest

from targets.ending import ending, last_line


@pytest.mark.parametrize(
    ("exit_code", "words"), [(0, "exit 0"), (3, "exit 3"), (-4, "SIGILL"), (-99, "signal 99")]
)
def test_ends_are_named(exit_code: int, words: str) -> None:
    assert ending(exit_code) == words


def test_last_line_is_what_was_said_last() -> None:
    assert last_line("first\nlast\n\n") == "last"
    assert last_line("only") == "only"
    assert last_line("\n") == ""
