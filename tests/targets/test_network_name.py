import pytest

from targets.errors import TargetError
from targets.network_name import require_network_name


@pytest.mark.parametrize("name", ["", "Net", "2net", "my-net", "net.so", "é", "a" * 64, "a/b"])
def test_names_that_are_no_c_words_are_refused(name: str) -> None:
    with pytest.raises(TargetError, match=r"must be a C identifier: .* at most 63, a letter first"):
        require_network_name(name)


@pytest.mark.parametrize("name", ["stdint", "stdio", "numpy", "typing", "re", "inspect", "pthread"])
def test_names_that_hide_a_library_are_refused(name: str) -> None:
    with pytest.raises(TargetError, match=rf"under that name; choose another, as net_{name}"):
        require_network_name(name)


@pytest.mark.parametrize("name", ["import", "class"])
def test_words_of_python_are_refused(name: str) -> None:
    with pytest.raises(
        TargetError, match=rf"is a word of Python, .* choose another, as net_{name}"
    ):
        require_network_name(name)


@pytest.mark.parametrize("name", ["a", "net_2", "main", "a" * 63])
def test_other_names_are_taken(name: str) -> None:
    require_network_name(name)
