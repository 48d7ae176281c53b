"""barsctl as a user runs it."""

import subprocess
import sys
from pathlib import Path


def barsctl(words: str, folder: Path) -> str:
    """Run a command in a folder and return what it prints."""
    print(f"barsctl {words}", file=sys.stderr)
    command = [sys.executable, "-m", "barsctl", *words.split()]
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout
