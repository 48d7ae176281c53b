"""`barsctl agent`: the program that measures kernels on a board."""

from pathlib import Path
from typing import Annotated

import typer

from .options import notify

agent = typer.Typer(help="The program that runs kernels on a board.", no_args_is_help=True)


@agent.command()
def build(
    target: Annotated[str, typer.Option(help="The board: of barsctl targets, or its TOML file.")],
    out: Annotated[
        Path | None, typer.Option(help="The folder to write; barsctl-agent-MACHINE by default.")
    ] = None,
    wheels: Annotated[
        Path | None,
        typer.Option(help="A folder with TVM's wheels for the board; by default they are found."),
    ] = None,
) -> None:
    """Build the agent into a folder and an archive of it, to copy to the board.

    Example: barsctl agent build --target aarch64
    """
    from targets.agent.build import build_agent
    from targets.catalog import named_target

    chosen = named_target(target)
    folder = out or Path(f"barsctl-agent-{chosen.machine}")
    files = build_agent(chosen, folder, wheels=wheels, notify=notify)
    typer.echo(
        f"{files.archive} ({files.archive.stat().st_size / 1e6:.1f} MB) and the folder "
        f"{files.folder}: copy one to the board and start {files.folder.name}/barsctl-agent there"
    )
