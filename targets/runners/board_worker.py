"""The child process that runs a program on a board; `board` starts it, and may kill it.

stdin is JSON: the place as `timing_worker` takes it, {"uploads"}: paths by their names there, and
{"downloads"}: the same of what the program writes. It answers one line of JSON: how the program
ended and what it said, or {"error"}.
"""

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from targets.measuring.timing_worker import board_session, described

MODULE, SAID = "run_program.so", "said"


def main() -> None:
    """Answer the one request."""
    with redirect_stdout(sys.stderr):
        try:
            answer = run_there(json.load(sys.stdin))
        except Exception as error:
            answer = {"error": described(error)}
    sys.stdout.write(json.dumps(answer) + "\n")


def run_there(request: dict[str, Any]) -> dict[str, Any]:
    """Upload, run, and download where it ended well."""
    session, _ = board_session(request["address"])
    for name, path in request["uploads"].items():
        session.upload(path, name)
    exit_code = int(session.load_module(MODULE)["run_program"]())
    try:
        said = bytes(session.download(SAID)).decode(errors="replace")
    except Exception:  # it did not come to say anything
        said = ""
    if exit_code == 0:
        for name, path in request["downloads"].items():
            Path(path).write_bytes(session.download(name))
    return {"exit_code": exit_code, "said": said}


if __name__ == "__main__":
    main()
