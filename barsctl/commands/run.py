"""`barsctl run`: a compiled program, here or under an emulator."""

import os
from pathlib import Path
from typing import Annotated

import typer

from barsctl.errors import BarsError

_EMULATE = "--emulate"


def run(
    program: Annotated[Path, typer.Argument(help="A program that barsctl compile wrote.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WORDS",
            help=f"The program's own, as --top 3 photo.png; the first may be {_EMULATE}.",
        ),
    ] = None,
    emulate: Annotated[
        bool, typer.Option(_EMULATE, help="Run it under its target's emulator.")
    ] = False,
) -> None:
    """Run a compiled program with words of its own; its exit is the program's.

    Example: barsctl run train/compiled/aarch64/net_train --emulate --top 3 photo.png
    """
    from barsctl.program_words import program_words

    own = list(words or ())
    # What follows the program is its own, so that its --help and --json reach it.
    if own[:1] == [_EMULATE]:
        emulate, own = True, own[1:]
    command = program_words(program, own, emulate=emulate)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        raise BarsError(
            f"{command[0]} cannot be started: {error.strerror}; make it executable: chmod +x"
        ) from error
