#!/usr/bin/env python3
"""Execute the pages of the book whose outputs are missing or out of date.

Each page is written, with its outputs and its provenance, as ``_build/executed/PAGE.ipynb`` and put
into the cache from which MyST-NB takes outputs when Sphinx builds the site.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn, JupyterCacheAbstract
from nbclient import NotebookClient
from traitlets.config import Config

from chapters import BOOK, BUILD, ROOT, executed_pages, fingerprint, read_page
from unrolled import backend


def commit() -> str:
    """The commit at hand, and whether files differ from it; empty outside a repository."""
    git = ["git", "-C", str(ROOT)]
    head = subprocess.run(
        [*git, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True
    )
    if head.returncode:
        return ""
    changes = [*git, "status", "--porcelain", "--", "book", "code"]
    dirty = subprocess.run(changes, capture_output=True, text=True).stdout
    return head.stdout.strip() + (" with local changes" if dirty else "")


def execute(page: str, number: str) -> nbformat.NotebookNode:
    """Run a page's cells in a fresh kernel, showing how far it is.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails.
    """
    notebook = read_page(page)
    total = sum(cell.cell_type == "code" for cell in notebook.cells)
    done = 0
    terminal = sys.stdout.isatty()

    def show(cell, cell_index):
        nonlocal done
        if cell.cell_type == "code":
            done += 1
            if terminal:
                print(
                    f"\r{number} {page}: cell {done} of {total} ",
                    end="",
                    flush=True,
                )

    if not terminal:
        print(f"{number} {page}: {total} cells", flush=True)
    with (
        tempfile.TemporaryDirectory() as sockets
    ):  # the kernel opens files there, not ports
        client = NotebookClient(
            notebook,
            timeout=None,
            record_timing=False,  # it would stand in the cells, and change their hash
            kernel_name="python3",  # the interpreter that runs this script
            resources={"metadata": {"path": str(BOOK)}},
            config=Config(
                {"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}}
            ),
            on_cell_execute=show,
        )
        client.execute()
    if terminal:
        print("\r", end="")
    return notebook


def provenance(seconds: float) -> dict:
    """Who made the outputs: machine, versions, date, commit, seconds."""
    return {
        **backend.describe(),
        "budget": backend.budget_name(),
        "date": datetime.now(UTC).date().isoformat(),
        "seconds": round(seconds, 1),
        "commit": commit(),
    }


def executed_path(page: str) -> Path:
    """Where a page's executed notebook is kept."""
    return BUILD / "executed" / f"{page}.ipynb"


def is_fresh(page: str, mark: str) -> bool:
    """Whether the executed page carries this fingerprint."""
    try:
        notebook = json.loads(executed_path(page).read_text(encoding="utf-8"))
        return notebook["metadata"]["unrolled"]["fingerprint"] == mark
    except (OSError, ValueError, KeyError):
        return False


def offer_to_sphinx(page: str, cache: JupyterCacheAbstract) -> None:
    """Put a page's outputs where MyST-NB looks for them.

    MyST-NB knows a page by its cells' code *and* settings. So a new caption needs a new entry, but
    no execution: the outputs move over to the cells as they are now.
    """
    notebook = read_page(page)
    with contextlib.suppress(KeyError):
        cache.match_cache_notebook(notebook)
        return
    executed = nbformat.read(executed_path(page), nbformat.NO_CONVERT)
    outputs = [cell for cell in executed.cells if cell.cell_type == "code"]
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell, done in zip(cells, outputs, strict=True):
        cell.outputs, cell.execution_count = done.outputs, done.execution_count
    seconds = executed.metadata["unrolled"]["seconds"]
    cache.cache_notebook_bundle(
        CacheBundleIn(notebook, page, data={"execution_seconds": seconds}),
        check_validity=False,
        overwrite=True,
    )


def forget(page: str, cache: JupyterCacheAbstract) -> None:
    """Drop older outputs of the same code: they may come from another version of the package."""
    with contextlib.suppress(KeyError):
        cache.remove_cache(cache.match_cache_notebook(read_page(page)).pk)


def main() -> int:
    """Bring the outputs up to date; 0 if they are, 1 if a cell failed, 2 for a wrong request."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "pages", nargs="*", help="such as network-from-scratch (default: all)"
    )
    parser.add_argument(
        "--always", action="store_true", help="execute even what is up to date"
    )
    options = parser.parse_args()

    pages = executed_pages()
    if unknown := set(options.pages) - set(pages):
        print(
            f"no page {sorted(unknown)[0]!r}: there are {', '.join(pages)}",
            file=sys.stderr,
        )
        return 2
    try:
        device, budget = backend.device(), backend.budget_name()
    except backend.BackendError as error:
        print(error, file=sys.stderr)
        return 2

    BUILD.mkdir(parents=True, exist_ok=True)
    cache = get_cache(BUILD / "cache")
    stale = []
    for page in options.pages or pages:
        mark = fingerprint(page, device, budget)
        if options.always or not is_fresh(page, mark):
            stale.append((page, mark))
        else:
            offer_to_sphinx(page, cache)
    if not stale:
        print("Outputs are up to date.")
        return 0

    print(
        f"Executing {len(stale)} of {len(pages)} pages on the {device} (budget: {budget})."
    )
    for i, (page, mark) in enumerate(stale, 1):
        start = time.perf_counter()
        try:
            notebook = execute(page, f"[{i}/{len(stale)}]")
        except Exception as error:
            trace = re.sub(
                r"\x1b\[[0-9;]*m", "", str(error)
            )  # colors do not belong in a log
            print(f"\nbook/{page}.md: a cell failed.\n{trace}", file=sys.stderr)
            return 1
        seconds = time.perf_counter() - start
        print(f"[{i}/{len(stale)}] {page}: {seconds:.0f} s{' ' * 20}", flush=True)
        notebook.metadata["unrolled"] = {"fingerprint": mark, **provenance(seconds)}
        path = executed_path(page)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        nbformat.write(notebook, unfinished)
        unfinished.replace(path)
        forget(page, cache)
        offer_to_sphinx(page, cache)
    return 0


if __name__ == "__main__":
    sys.exit(main())
