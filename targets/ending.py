"""How a process ended, for messages."""

import signal


def ending(exit_code: int) -> str:
    """The exit code of `subprocess` in words: "exit 3", or the signal, such as "SIGILL"."""
    if exit_code >= 0:
        return f"exit {exit_code}"
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f"signal {-exit_code}"


def last_line(text: str) -> str:
    """The last line that a process said; empty where it said nothing."""
    return text.strip().rpartition("\n")[2]
