"""Where subjects run, as people write it: local, rpc://HOST:PORT, emulated, ..."""

import re
from dataclasses import dataclass
from typing import Literal

from targets.errors import TargetError

Way = Literal["local", "rpc", "emulated", "modelled"]


@dataclass(frozen=True, slots=True)
class Place:
    """A way to measure, and for boards behind TVM's RPC where they are.

    key: of the boards that a tracker at the address gives out; empty for a board at the address.
    """

    way: Way
    host: str = ""
    port: int = 0
    key: str = ""

    def __str__(self) -> str:
        if self.way != "rpc":
            return self.way
        host = f"[{self.host}]" if ":" in self.host else self.host
        address = f"{host}:{self.port}"
        return f"tracker://{address}/{self.key}" if self.key else f"rpc://{address}"

    def address(self, *, session_s: int) -> dict[str, str | int]:
        """How the worker processes are told of boards, and how long a session may take."""
        return {"host": self.host, "port": self.port, "key": self.key, "session_s": session_s}


LOCAL = Place("local")
EMULATED = Place("emulated")
MODELLED = Place("modelled")
_PLACES = {str(place): place for place in (LOCAL, EMULATED, MODELLED)}
# An address of IPv6 has colons of its own, and stands in brackets.
_ADDRESS = re.compile(
    r"(rpc|tracker)://(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|([^/:\s\[\]]+)):(\d{1,5})(?:/([^/\s]+))?"
)


def parse_place(text: str) -> Place:
    """The place that a text names. Raises TargetError."""
    if text in _PLACES:
        return _PLACES[text]
    match = _ADDRESS.fullmatch(text)
    # A board has an address alone, a tracker also a key.
    if match is None or (match[1] == "tracker") != bool(match[5]):
        raise TargetError(
            f"place {text!r}: write one of {', '.join(_PLACES)}, rpc://HOST:PORT or "
            "tracker://HOST:PORT/KEY"
        )
    if not 0 < int(match[4]) < 2**16:
        raise TargetError(f"place {text!r}: a port is from 1 to {2**16 - 1}")
    return Place("rpc", match[2] or match[3], int(match[4]), match[5] or "")
