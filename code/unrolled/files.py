"""Files that are written whole or not at all, and where to keep them for a while."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from unrolled.errors import UserError

#: How the name of a file ends that is not whole yet.
UNFINISHED = ".part"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write a file beside its place, then move it there.

    Whatever happens on the way, ``path`` holds the old file or the new one, and never a part. What
    is no plain file, such as a pipe or a terminal, cannot be moved: it is written into.

    Parameters
    ----------
    path : Path
        In a folder that is there. A link stays, and what it leads to is replaced.

    Yields
    ------
    file open for writing bytes

    Raises
    ------
    OSError
        If it cannot be written. The old file, if there is one, is untouched.
    """
    path = Path(os.path.realpath(path))
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        with open(path, "wb") as file:
            yield file
        return
    # A name of its own, for another process may write the same file.
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(4)}{UNFINISHED}")
    try:
        with open(unfinished, "xb") as file:
            yield file
            file.flush()
            # On the disk, before the name says so.
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        # After Ctrl-C, too.
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


@contextlib.contextmanager
def making(folder: Path) -> Iterator[Path]:
    """Make a folder beside its place, then move it there.

    What other processes that were killed left unfinished beside it is removed.

    Yields
    ------
    Path
        An empty folder to write into.

    Raises
    ------
    OSError
        If it cannot be made.
    UserError
        If another process makes it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.with_name(folder.name + UNFINISHED)
    for left in folder.parent.glob(f"*{UNFINISHED}/"):
        with contextlib.suppress(UserError), alone(left):
            shutil.rmtree(left, ignore_errors=True)
    unfinished.mkdir(exist_ok=True)
    with alone(unfinished):
        try:
            yield unfinished
            # If there is one, it was damaged.
            shutil.rmtree(folder, ignore_errors=True)
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


@contextlib.contextmanager
def in_turn(folder: Path) -> Iterator[None]:
    """Let one process after another make something in a folder; the next finds it made."""
    folder.mkdir(parents=True, exist_ok=True)
    # A file that is open for writing: shared folders lock no others.
    with (folder / ".lock").open("a") as file:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep a folder, if it is there, from other processes that ask for it in this way.

    What a process that was killed left unfinished in it is removed.

    Raises
    ------
    UserError
        If another process has it.
    """
    if not folder.is_dir():
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{folder}: another training is at work here: wait for it, or choose another "
                "--output"
            ) from None
        except OSError:
            # A file system that knows no locks.
            pass
        # What replacing() has begun to write, and nothing of another program's.
        for left in folder.glob(f"*.npz.{'[0-9a-f]' * 8}{UNFINISHED}"):
            left.unlink(missing_ok=True)
        yield
    finally:
        # The lock goes with it.
        os.close(handle)


def cache_folder() -> Path:
    """The user's folder for what this package can make again, such as a text's words."""
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(caches) / "unrolled"
