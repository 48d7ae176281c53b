import pytest

from targets.errors import TargetError
from targets.measuring.place import EMULATED, LOCAL, MODELLED, Place, parse_place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("local", LOCAL),
        ("emulated", EMULATED),
        ("modelled", MODELLED),
        ("rpc://10.0.0.7:9090", Place("rpc", "10.0.0.7", 9090)),
        ("rpc://pi.local:1", Place("rpc", "pi.local", 1)),
        ("tracker://host:9190/pi-4", Place("rpc", "host", 9190, "pi-4")),
        ("rpc://[::1]:9090", Place("rpc", "::1", 9090)),
        ("tracker://[fe80::1%eth0]:9190/pi", Place("rpc", "fe80::1%eth0", 9190, "pi")),
    ],
)
def test_places_survive_their_text(text: str, place: Place) -> None:
    assert parse_place(text) == place
    assert str(place) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "here",
        "rpc://host",
        "rpc://host:9090/key",
        "tracker://host:9190",
        "rpc://:1",
        "rpc://::1:9090",
        "rpc://[pi]:9090",
    ],
)
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(TargetError, match="write one of local, emulated, modelled, rpc://HOST"):
        parse_place(text)


@pytest.mark.parametrize("port", ["0", "65536"])
def test_ports_have_a_range(port: str) -> None:
    with pytest.raises(TargetError, match="a port is from 1 to 65535"):
        parse_place(f"rpc://host:{port}")
