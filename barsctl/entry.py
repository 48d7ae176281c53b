"""The command's entry point: an interrupt while modules are imported leaves no traceback either."""

import sys

from .errors import ExitCode


def main() -> None:
    """Run the command line; see `cli.main`."""
    try:
        from .cli import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("barsctl: interrupted\n")
        sys.exit(ExitCode.INTERRUPTED)
