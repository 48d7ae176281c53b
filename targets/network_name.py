"""The names that a compiled network may have: of its program, its files and its C functions."""

import keyword
import re
import sys

from .errors import TargetError

# What may follow `#define NAME_` and stand in file names on every system.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
# C's headers and the system's, which NAME.h beside a program would hide from it.
_HEADERS = frozenset({
    "assert", "complex", "ctype", "errno", "fenv", "float", "inttypes", "iso646", "limits",
    "locale", "math", "setjmp", "signal", "stdalign", "stdarg", "stdatomic", "stdbool",
    "stddef", "stdint", "stdio", "stdlib", "stdnoreturn", "string", "tgmath", "threads", "time",
    "uchar", "wchar", "wctype", "dirent", "pthread", "sched", "unistd",
})  # fmt: skip
# What NAME.py and numpy import.
_MODULES = sys.stdlib_module_names | {"numpy"}


def require_network_name(name: str) -> None:
    """Raise TargetError where a network cannot have the name."""
    if not _NAME.fullmatch(name):
        raise TargetError(
            f"name {name!r:.80} must be a C identifier: lower-case letters, digits and _, at most "
            "63, a letter first; choose another"
        )
    if keyword.iskeyword(name):
        raise TargetError(
            f"name {name!r} is a word of Python, which cannot import {name}.py; choose another, as "
            f"net_{name}"
        )
    if name in _HEADERS | _MODULES:
        raise TargetError(
            f"name {name!r}: {name}.h or {name}.py would hide what C's or Python's library has "
            f"under that name; choose another, as net_{name}"
        )
