"""Files that are there whole or not at all."""

import errno
import glob
import os
from pathlib import Path
from uuid import uuid4


def remove_leftovers(path: Path) -> None:
    """Remove what killed writes of a file left beside it; nobody may be writing it now."""
    for each in path.parent.glob(f".{glob.escape(path.name)}.{32 * '[0-9a-f]'}"):
        each.unlink(missing_ok=True)


def write_atomically(path: Path, data: str | bytes) -> None:
    """Write a file under a temporary name in the same folder, then rename it to `path`.

    Raises OSError where that cannot be done, or where it would replace a device or a pipe; the
    folder is then as it was.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is there and is no regular file", str(path))
    content = data.encode() if isinstance(data, str) else data
    # Not a file of `tempfile`: those are readable by their owner alone, whatever the umask.
    temporary = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = str(path)  # a full disk does not say which file it was
        raise
