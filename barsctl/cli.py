"""The command line: a command parses its words, calls one function and prints the result.

Heavy libraries are imported in the commands' bodies, so that `barsctl --help` answers at once.
"""

import os
import sys
from io import TextIOWrapper
from typing import Annotated, NoReturn

import typer

from costmodels.errors import BudgetUnreachable, CostError
from space.errors import SpaceError
from targets.errors import TargetError

from .commands.agent import agent
from .commands.compile import compile_run
from .commands.demo import demo
from .commands.derive import derive
from .commands.doctor import doctor
from .commands.inspect import inspect
from .commands.pareto import pareto
from .commands.profile import profile
from .commands.run import run
from .commands.search import search
from .commands.spaces import spaces
from .commands.sweep import sweep
from .commands.table import table
from .commands.targets import targets
from .commands.train import train
from .commands.verify import verify
from .errors import BarsError, ExitCode
from .launch import among_ranks, require_together
from .terminal import printable

app = typer.Typer(
    name="barsctl",
    help="Search, train and compile the most accurate binary network within a millisecond budget.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def print_version(asked: bool) -> None:
    """Print the installed version and stop, if it was asked for."""
    if asked:
        from importlib.metadata import version

        typer.echo(version("barsctl"))
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 (its callback prints it)
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Options before the command."""
    require_together(context.invoked_subcommand)


app.command()(demo)
app.command()(search)
app.command()(derive)
app.command()(pareto)
app.command()(train)
app.command()(sweep)
app.command()(profile)
app.command("compile")(compile_run)
app.command()(verify)
app.command(context_settings={"allow_interspersed_args": False})(run)
app.command()(inspect)
app.command()(spaces)
app.command()(targets)
app.command()(doctor)
app.add_typer(agent, name="agent")
app.add_typer(table, name="table")


def main() -> None:
    """Run the command line; a user's error becomes one line, a bug keeps its traceback.

    So does what the operating system refuses: a full disk, a folder that may not be written.
    """
    prepare_streams()
    try:
        with among_ranks():
            app()
    except SystemExit as end:
        if end.code == ExitCode.INTERRUPTED:
            fail(
                "interrupted; what was finished is kept: give the command again, with --resume "
                "where it has that", ExitCode.INTERRUPTED,
            )  # fmt: skip
        raise
    except BarsError as error:
        fail(error, error.exit_code)
    except BudgetUnreachable as error:
        fail(error, ExitCode.BUDGET_NOT_MET)
    except (CostError, SpaceError, TargetError) as error:
        fail(error, ExitCode.CANNOT)
    except (MemoryError, RuntimeError) as error:
        if not is_full_memory(error):
            raise
        fail(
            f"the memory is full ({error}); take a smaller --batch-size or smaller networks, and "
            "go on with --resume where there is that", ExitCode.CANNOT,
        )  # fmt: skip
    except OSError as error:
        place = error.filename or "the operating system"
        reason = error.strerror or str(error)
        fail(f"{place}: {reason}; check path, permissions and free space", ExitCode.CANNOT)


def prepare_streams() -> None:
    """Have everything be said without an error: what a terminal has no letters for as escapes."""
    if sys.stderr is None:  # a shell may start a program with it closed
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def is_full_memory(error: MemoryError | RuntimeError) -> bool:
    """Whether there was no memory left: torch says so in words alone, of CPU and GPU."""
    told = ("can't allocate memory", "out of memory")
    return isinstance(error, MemoryError) or any(words in str(error) for words in told)


def fail(error: Exception | str, exit_code: ExitCode) -> NoReturn:
    """Print the error as one line and leave with the code.

    Control characters are shown, not sent: the names in a foreign file must not steer a terminal.
    """
    line = " ".join(str(error).split())
    typer.echo(f"barsctl: {printable(line)}", err=True)
    sys.exit(exit_code)
