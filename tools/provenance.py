"""Where the outputs of a page come from: the machine, the day, and the tree of files."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[1]
LOCAL = " with local changes"


@dataclass(frozen=True, kw_only=True)
class Made:
    """Which machine made something, when, and of what.

    Attributes
    ----------
    device, name, driver, processor : str
        ``"cpu"`` or ``"gpu"``, what it is called, a GPU's driver, and the processor.
    cores : int
    versions : dict of str
        From names of packages to versions.
    budget : str
    date : str
        In ISO format.
    commit : str
        The tree of files, as :func:`commit` says it.
    """

    device: str
    name: str
    driver: str
    processor: str
    cores: int
    versions: dict[str, str]
    budget: str
    date: str
    commit: str


@dataclass(frozen=True, kw_only=True)
class Provenance(Made):
    """Who made a page's outputs, and of what. An executed notebook keeps it in its metadata.

    Attributes
    ----------
    fingerprint : dict of str
        What the outputs depend on, each with a hash of what it was.
    seconds : float
        What the execution took.
    frozen : bool
        Whether the outputs were frozen.
    stale : str
        Why the site shows these outputs and not frozen ones, which are out of date.
    """

    fingerprint: dict[str, str]
    seconds: float
    frozen: bool = False
    stale: str = ""

    @classmethod
    def of(cls, notebook: nbformat.NotebookNode) -> Provenance:
        """Read it from a notebook.

        Raises
        ------
        AttributeError, KeyError, TypeError
            If the notebook has none.
        """
        known = {field.name for field in fields(cls)}
        made = dict(notebook.metadata["unrolled"].items())
        return cls(**{name: made[name] for name in known & made.keys()})

    def write_to(self, notebook: nbformat.NotebookNode) -> None:
        """Write it into a notebook."""
        notebook.metadata["unrolled"] = asdict(self)

    @property
    def local(self) -> bool:
        """Whether they were made from files that no commit holds, so that nobody can again."""
        return self.commit.endswith(LOCAL)


def _git(*arguments: str) -> str | None:
    """What Git says about the book's repository; None where there is none."""
    command = ["git", "-C", str(ROOT), *arguments]
    with contextlib.suppress(FileNotFoundError):
        done = subprocess.run(command, capture_output=True, text=True)
        if not done.returncode:
            return done.stdout.rstrip()
    return None


def local_changes() -> list[str]:
    """The files that outputs may depend on, and that are not as the last commit has them."""
    watched = ("book", "code", ":!book/_frozen", ":!book/_measured")
    return [
        line[3:] for line in (_git("status", "-s", "--", *watched) or "").splitlines()
    ]


def commit() -> str:
    """The commit at hand, and whether files differ from it.

    Outside a repository it is what ``UNROLLED_COMMIT`` says, for a copy that travels without one.
    """
    head = _git("rev-parse", "--short=10", "HEAD")
    if head is None:
        return os.environ.get("UNROLLED_COMMIT", "").strip()
    return head + (LOCAL if local_changes() else "")


def private_words(notebook: nbformat.NotebookNode) -> list[str]:
    """What in the outputs tells whose machine made them: paths, user, host."""
    outputs = json.dumps([cell.get("outputs") for cell in notebook.cells])
    # Pictures are letters at random.
    text = re.sub(r'"image/(png|jpeg)": "[^"]*"', "", outputs)
    paths = {str(ROOT), str(Path.home()), sys.prefix, tempfile.gettempdir()}
    found = [path for path in paths if len(path) > 1 and f"{path}/" in text]
    with contextlib.suppress(OSError, KeyError):
        user = re.escape(getpass.getuser())
        found += re.findall(rf"[\w.]*/{user}/[\w./]*|\b{user}@[\w.-]+", text)
    host = socket.gethostname()
    # A host called "gpu" or "python" is a word like others.
    if not host.isalpha():
        found += re.findall(rf"(?<![\w-]){re.escape(host)}(?![\w-])", text)
    return sorted(set(found))
