"""`barsctl doctor`: is everything there that barsctl needs?"""

from dataclasses import asdict

import typer

from barsctl.doctor import Check, examine
from barsctl.errors import BarsError
from barsctl.terminal import print_json

from .options import Json


def doctor(as_json: Json = False) -> None:
    """Check this machine: libraries, compiler, emulators, processor.

    Example: barsctl doctor
    """
    checks = examine()
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        for check in checks:
            typer.echo(line(check))
    missing = [check.name for check in checks if check.needed and not check.ok]
    if missing:
        raise BarsError(f"{', '.join(missing)}: needed by every command; see the lines above")


def line(check: Check) -> str:
    """One check as one line."""
    mark = "ok" if check.ok else ("MISSING" if check.needed else "limited")
    remedy = f" -> {check.remedy}" if check.remedy else ""
    return f"{mark:<8}{check.name:<12}{check.found}{remedy}"
