#!/usr/bin/env python3
"""Bring the outputs of the book's pages up to date, or freeze them.

Outputs have three homes. ``_build/executed`` holds the pages that were executed on this machine,
and ``book/_frozen`` those that were frozen, on any machine, and are part of the repository. For
each page the one of the two that belongs to its code goes to ``_build/shown``, and into the cache
from which MyST-NB takes outputs when Sphinx builds the site. A page with neither is executed.
"""

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
import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn

import kernel
from environment import sees_gpu
from fingerprint import changes, fingerprint
from pages import (
    BUILD,
    EXECUTED,
    FROZEN,
    PACKAGE,
    ROOT,
    SHOWN,
    code_cells,
    code_of,
    executed_pages,
    read_page,
)

sys.path.insert(0, str(PACKAGE.parent))  # where no environment can be made
from unrolled.script import Parser

from unrolled.errors import UserError
from unrolled.shakespeare import load

# A process of its own asks about the machine: one that has asked JAX for the GPU keeps most of
# the GPU's memory, and the pages would find none.
ASK = """
import json, sys
from unrolled import backend
try:
    print(json.dumps({**backend.describe(), "budget": backend.budget_name()}))
except backend.BackendError as error:
    sys.exit(str(error))
"""


# --------------------------------------------------------------------------------- provenance


@cache
def machine() -> dict:
    """Device, budget and versions with which pages would be executed now.

    Raises
    ------
    UserError
        If a device or budget was asked for that is not to be had.
    """
    asked = subprocess.run(
        [sys.executable, "-c", ASK],
        env=kernel.environment(), capture_output=True, text=True,
    )  # fmt: skip
    if asked.returncode:
        raise UserError(asked.stderr.strip().rpartition("\n")[2])
    return json.loads(asked.stdout)


def commit() -> str:
    """The commit at hand, and whether files differ from it.

    Outside a repository it is what ``UNROLLED_COMMIT`` says, for a copy that travels without one.
    """
    git = ["git", "-C", str(ROOT)]
    head = subprocess.run(
        [*git, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True
    )
    if head.returncode:
        return os.environ.get("UNROLLED_COMMIT", "").strip()
    changed = [*git, "status", "--porcelain", "--", "book", "code", ":!book/_frozen"]
    dirty = subprocess.run(changed, capture_output=True, text=True).stdout
    return head.stdout.strip() + (" with local changes" if dirty else "")


# ----------------------------------------------------------------------------------- notebooks


def read(folder: Path, page: str) -> nbformat.NotebookNode | None:
    """An executed page with its provenance; None where there is none, or none to be read."""
    path = folder / f"{page}.ipynb"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        if isinstance(notebook.metadata["unrolled"]["fingerprint"], dict):
            return notebook
    return None


def write(notebook: nbformat.NotebookNode, folder: Path, page: str) -> None:
    """Write an executed page; one that is there already is replaced in one go, or stays."""
    path = folder / f"{page}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    nbformat.write(notebook, unfinished)
    unfinished.replace(path)


def why_stale(
    page: str, notebook: nbformat.NotebookNode, device: str, budget: str
) -> str:
    """What a page's outputs no longer agree with, in words; empty where they hold."""
    now = fingerprint(page, device, budget)
    if changed := changes(notebook.metadata["unrolled"]["fingerprint"], now):
        return f"changed since: {changed}"
    if code_of(notebook) != code_of(read_page(page)):
        return "its cells are not those of the page"
    return ""


def why_not_frozen(page: str, notebook: nbformat.NotebookNode, wish: str) -> str:
    """Why frozen outputs are not to be shown; empty where they are.

    They hold on every machine, unless DEVICE= or BUDGET= asks for others, or there is a GPU here
    and they were made without one.
    """
    made_on = notebook.metadata["unrolled"]["device"]
    device = os.environ.get("UNROLLED_DEVICE", "").strip().lower() or made_on
    budget = os.environ.get("UNROLLED_BUDGET", "").strip().lower() or device
    if (
        wish == "auto"
        and made_on == "cpu"
        and sees_gpu()
        and machine()["device"] == "gpu"
    ):
        return "there is a GPU here, and the outputs were frozen without one"
    return why_stale(page, notebook, device, budget)


def show(
    page: str, executed: nbformat.NotebookNode, frozen: bool, stale: str, cache
) -> None:
    """Give a page's outputs to the site: the page's cells as they are now, and the outputs.

    MyST-NB knows a page by its cells' code *and* settings. So a new caption needs a new entry in
    the cache, but no execution.
    """
    notebook = read_page(page)
    pairs = zip(code_cells(notebook), code_cells(executed), strict=True)
    for cell, outputs in pairs:
        cell.outputs, cell.execution_count = (outputs.outputs, outputs.execution_count)
    made = {**executed.metadata["unrolled"], "frozen": frozen, "stale": stale}
    notebook.metadata["unrolled"] = made

    with contextlib.suppress(KeyError):
        known = cache.match_cache_notebook(notebook)
        shown = read(SHOWN, page)
        if shown and shown.metadata == notebook.metadata:
            return
        cache.remove_cache(known.pk)
    bundle = CacheBundleIn(notebook, page, data={"execution_seconds": made["seconds"]})
    cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    write(notebook, SHOWN, page)


def private_words(notebook: nbformat.NotebookNode) -> list[str]:
    """What in the outputs tells whose machine made them: paths, user, host."""
    outputs = json.dumps([cell.outputs for cell in code_cells(notebook)])
    text = re.sub(r'"image/(png|jpeg)": "[^"]*"', "", outputs)  # letters at random
    paths = {str(ROOT), str(Path.home()), sys.prefix, tempfile.gettempdir()}
    found = [path for path in paths if len(path) > 1 and f"{path}/" in text]
    with contextlib.suppress(OSError, KeyError):
        user = re.escape(getpass.getuser())
        found += re.findall(rf"[\w.]*/{user}/[\w./]*|\b{user}@[\w.-]+", text)
    host = socket.gethostname()
    if not host.isalpha():  # a host called "gpu" or "python" is a word like others
        found += re.findall(rf"(?<![\w-]){re.escape(host)}(?![\w-])", text)
    return sorted(set(found))


# -------------------------------------------------------------------------------- what to do


def execute(page: str, number: str) -> nbformat.NotebookNode:
    """Execute a page on this machine and keep it.

    Raises
    ------
    kernel.PageError
        If a cell fails. What was kept before stays.
    """
    load()  # finds the words of the plays, once; else the first page to need them says that it does
    here = machine()
    mark = fingerprint(page, here["device"], here["budget"])
    made = {"date": datetime.now(UTC).date().isoformat(), "commit": commit()}
    start = time.perf_counter()
    notebook = kernel.run(page, number)
    seconds = round(time.perf_counter() - start, 1)
    print(f"{number} {page}: {seconds:.0f} s", flush=True)
    notebook.metadata["unrolled"] = {
        "fingerprint": mark, **here, **made, "seconds": seconds
    }  # fmt: skip
    write(notebook, EXECUTED, page)
    return notebook


def executed_here(page: str) -> nbformat.NotebookNode | None:
    """The page as it was executed on this machine, where that holds."""
    notebook = read(EXECUTED, page)
    return notebook if notebook and not why_not_ours(page, notebook) else None


def why_not_ours(page: str, notebook: nbformat.NotebookNode) -> str:
    """Why outputs are not those that this machine would make; empty where they are."""
    here = machine()
    return why_stale(page, notebook, here["device"], here["budget"])


def update(pages: list[str], wish: str) -> None:
    """Give each page's outputs to the site, and execute pages without any.

    Raises
    ------
    UserError
        If nothing may be executed, and the frozen outputs of a page do not hold.
    kernel.PageError
        If a cell fails.
    """
    frozen = {page: read(FROZEN, page) for page in pages}
    reasons = {}
    for page, notebook in frozen.items():
        reasons[page] = "nothing is frozen"
        if notebook:
            reasons[page] = why_not_frozen(page, notebook, wish)
        elif (FROZEN / f"{page}.ipynb").exists():
            reasons[page] = "what is frozen cannot be read"
    missing = {page: reason for page, reason in reasons.items() if reason}
    if wish == "never" and missing:
        said = "; ".join(f"{page} ({reason})" for page, reason in missing.items())
        raise UserError(
            f"EXECUTE=never, but frozen outputs do not hold: {said}. Run: make freeze"
        )

    todo = {}
    cache = get_cache(BUILD / "cache")
    for page in pages:
        if wish != "always" and page not in missing:
            show(page, frozen[page], frozen=True, stale="", cache=cache)
        elif wish != "always" and (notebook := executed_here(page)):
            show(page, notebook, False, stale_note(page, frozen[page]), cache)
        else:
            todo[page] = "as EXECUTE=always says" if wish == "always" else missing[page]
    if len(missing) < len(pages) and wish != "always":
        held = len(pages) - len(missing)
        print(f"Frozen outputs hold for {held} of {len(pages)} pages.")
    if not todo:
        print("Outputs are up to date.")
        return
    here = machine()
    print(
        f"Executing {len(todo)} of {len(pages)} pages on the {here['device']} "
        f"(budget: {here['budget']})."
    )
    for i, (page, reason) in enumerate(todo.items(), 1):
        number = f"[{i}/{len(todo)}]"
        print(f"{number} {page}: executed, {reason}", flush=True)
        show(page, execute(page, number), False, stale_note(page, frozen[page]), cache)


def stale_note(page: str, frozen: nbformat.NotebookNode | None) -> str:
    """For the foot of a page that was executed here: what changed since its outputs were frozen."""
    if not frozen:
        return ""
    made = frozen.metadata["unrolled"]
    return why_stale(page, frozen, made["device"], made["budget"])


def freeze(pages: list[str], wish: str) -> None:
    """Freeze pages as this machine makes them, and leave alone those that it has frozen already.

    Raises
    ------
    UserError
        If outputs would tell whose machine made them.
    kernel.PageError
        If a cell fails.
    """
    todo = []
    for page in pages:
        old = read(FROZEN, page)
        if wish == "always" or old is None or why_not_ours(page, old):
            todo.append(page)
        else:
            print(f"{page}: frozen already")
    for i, page in enumerate(todo, 1):
        notebook = None if wish == "always" else executed_here(page)
        notebook = notebook or execute(page, f"[{i}/{len(todo)}]")
        if words := private_words(notebook):
            raise UserError(
                f"{page} is not frozen: its outputs name this machine ({', '.join(words)})"
            )
        write(notebook, FROZEN, page)
        size = (FROZEN / f"{page}.ipynb").stat().st_size
        print(f"book/_frozen/{page}.ipynb: {size / 1e6:.2f} MB", flush=True)


def main() -> int:
    """Do what was asked; 0 if it is done, 1 if a cell failed, 2 for a wrong request."""
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "pages", nargs="*", help="such as network-from-scratch (default: all)"
    )
    parser.add_argument(
        "--freeze", action="store_true", help="write book/_frozen, for the repository"
    )
    parser.add_argument(
        "--execute",
        metavar="auto|always|never",
        choices=("auto", "always", "never"),
        default="auto",
        help="execute pages without outputs that hold, all pages, or none",
    )
    options = parser.parse_args()
    pages = executed_pages()
    if unknown := set(options.pages) - set(pages):
        parser.error(f"no page {sorted(unknown)[0]!r}: there are {', '.join(pages)}")
    if options.freeze and options.execute == "never":
        parser.error("nothing can be frozen with EXECUTE=never")
    chosen = [page for page in pages if page in (options.pages or pages)]
    BUILD.mkdir(parents=True, exist_ok=True)
    try:
        (freeze if options.freeze else update)(chosen, options.execute)
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except kernel.PageError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "\nStopped. Finished pages are kept; the next run goes on.", file=sys.stderr
        )
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
