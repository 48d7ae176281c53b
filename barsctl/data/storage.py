"""Where data sets lie when no folder is named, and how a missing file gets there."""

import hashlib
import os
from pathlib import Path
from typing import IO
from urllib.error import URLError
from urllib.request import urlopen
from uuid import uuid4

from rich.console import Console
from rich.progress import Progress

from barsctl.errors import DataError

_CHUNK_BYTES = 1 << 16
_TIMEOUT_S = 30


def cache_folder(name: str) -> Path:
    """Return the folder of a data set in the user's cache; it may not exist."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "barsctl" / name


def download(url: str, path: Path, *, sha256: str) -> None:
    """Fetch a file with a progress bar; it appears under its name only with the right checksum.

    Raises:
        DataError: the address does not answer or its content is another.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not a file of `tempfile`: those are readable by their owner alone.
    temporary = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with temporary.open("xb") as partial:
            digest = _copy(url, partial)
            partial.flush()
            os.fsync(partial.fileno())
        if digest != sha256:
            raise DataError(
                f"{url} has the SHA-256 {digest}: expected {sha256};"
                " fetch the file elsewhere and give its folder with --data-dir"
            )
        temporary.replace(path)
    except (URLError, TimeoutError, ConnectionError) as error:
        raise DataError(
            f"{url} cannot be fetched ({error});"
            f" put the file into {path.parent} or give its folder with --data-dir"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _copy(url: str, file: IO[bytes]) -> str:
    """Write what the address gives into the file; return its SHA-256 in hexadecimal."""
    digest = hashlib.sha256()
    bar = Progress(transient=True, console=Console(stderr=True))
    with urlopen(url, timeout=_TIMEOUT_S) as answer, bar as progress:
        length = answer.headers.get("Content-Length")
        task = progress.add_task(url.rpartition("/")[2], total=int(length) if length else None)
        while chunk := answer.read(_CHUNK_BYTES):
            file.write(chunk)
            digest.update(chunk)
            progress.advance(task, len(chunk))
    return digest.hexdigest()
