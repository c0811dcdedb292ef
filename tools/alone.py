#!/usr/bin/env python3
"""One build at a time in a folder: who comes second says so, and waits for the first.

``python tools/alone.py FOLDER COMMAND ...`` runs a command when its turn has come. It does so in
any Python, for the first folder is that of the environment, where there is none yet.
"""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

#: Tells the processes of a build which folder is theirs already.
OURS = "UNROLLED_ALONE"


def take(folder: Path) -> None:
    """Wait until no other build is at work in a folder.

    It is ours until this process has ended and, of those that it starts, all that inherit its open
    files: as make does, when it takes this one's place, with all that it runs.
    """
    folder = folder.absolute()
    if os.environ.get(OURS) == str(folder):
        return
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"Another build is at work in {folder}: waiting for it ...", flush=True)
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError:
        # A file system that knows no locks.
        pass
    os.set_inheritable(handle, True)
    os.environ[OURS] = str(folder)


def main() -> None:
    """Take a folder, then become the command."""
    folder, *command = sys.argv[1:]
    take(Path(folder))
    os.execvp(command[0], command)


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
