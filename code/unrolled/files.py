"""Files that are written whole or not at all, and where to keep them for a while."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write a file beside its place, then move it there.

    Whatever happens on the way, ``path`` holds the old file or the new one, and never a part.

    Parameters
    ----------
    path : Path
        In a folder that is there.

    Yields
    ------
    file open for writing bytes

    Raises
    ------
    OSError
        If it cannot be written. The old file, if there is one, is untouched.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    unfinished = path.with_name(path.name + ".part")
    try:
        with open(unfinished, "wb") as file:
            yield file
            file.flush()
            # On the disk, before the name says so.
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        # After Ctrl-C, too.
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


def cache_folder() -> Path:
    """The user's folder for what this package can make again, such as a text's words."""
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(caches) / "unrolled"
