import pytest

from barsctl.errors import BarsError
from barsctl.launch import TOGETHER, Ranks, launched, require_together


@pytest.fixture
def as_second_of_four(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "RANK": "1",
        "WORLD_SIZE": "4",
        "MASTER_ADDR": "a",
        "MASTER_PORT": "1",
        "LOCAL_RANK": "0",
    }.items():
        monkeypatch.setenv(name, value)


def test_process_started_alone_is_one_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    assert launched() == Ranks(rank=0, size=1, local_rank=0)
    require_together("compile")


@pytest.mark.usefixtures("as_second_of_four")
def test_environment_tells_which_process_it_is() -> None:
    assert launched() == Ranks(rank=1, size=4, local_rank=0)


@pytest.mark.usefixtures("as_second_of_four")
def test_command_of_one_process_refuses_four() -> None:
    for command in TOGETHER:
        require_together(command)
    with pytest.raises(BarsError, match="compile was started as 4 processes and computes in one"):
        require_together("compile")


@pytest.mark.usefixtures("as_second_of_four")
def test_number_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "two")
    with pytest.raises(BarsError, match="the environment's WORLD_SIZE is 'two', not a number"):
        launched()


@pytest.mark.usefixtures("as_second_of_four")
def test_process_without_a_place_to_meet_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MASTER_PORT")
    assert launched() == Ranks()
