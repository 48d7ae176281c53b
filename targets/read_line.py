"""Reading a line of another process, which may be silent."""

import selectors
import time
from os import read


def read_line(descriptor: int, deadline_s: float) -> bytes | None:
    """One line, or what came of it before the writer died, or None past the deadline."""
    line = b""
    end = time.monotonic() + deadline_s
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if not selector.select(max(0.0, end - time.monotonic())):
                return None
            part = read(descriptor, 1 << 16)
            if not part:
                return line
            line += part
    return line
