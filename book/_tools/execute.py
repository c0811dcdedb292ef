#!/usr/bin/env python3
"""Execute the pages of the book whose outputs are missing or out of date.

Each page is written, with its outputs and its provenance, as ``_build/executed/PAGE.ipynb`` and put
into the cache from which MyST-NB takes outputs when Sphinx builds the site.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

import nbformat
from chapters import BOOK, BUILD, ROOT, executed_pages, fingerprint, read_page
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbclient import NotebookClient
from traitlets.config import Config

from unrolled import backend


def commit() -> str:
    """The commit at hand, with a plus where files differ from it; empty outside a repository."""
    git = ["git", "-C", str(ROOT)]
    head = subprocess.run([*git, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True)
    if head.returncode:
        return ""
    changes = [*git, "status", "--porcelain", "--", "book", "code"]
    dirty = subprocess.run(changes, capture_output=True, text=True).stdout
    return head.stdout.strip() + ("+" if dirty else "")


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
                print(f"\r{number} {page}: cell {done} of {total} ", end="", flush=True)

    if not terminal:
        print(f"{number} {page}: {total} cells", flush=True)
    with tempfile.TemporaryDirectory() as sockets:  # the kernel opens files there, not ports
        client = NotebookClient(
            notebook,
            timeout=None,
            kernel_name="python3",  # the interpreter that runs this script
            resources={"metadata": {"path": str(BOOK)}},
            config=Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}}),
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
        "date": datetime.now(timezone.utc).date().isoformat(),
        "seconds": round(seconds, 1),
        "commit": commit(),
    }


def is_fresh(path: Path, mark: str) -> bool:
    """Whether the executed page at ``path`` carries this fingerprint."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        return notebook["metadata"]["unrolled"]["fingerprint"] == mark
    except (OSError, ValueError, KeyError):
        return False


def main() -> int:
    """Bring the outputs up to date; 0 if they are, 1 if a cell failed, 2 for a wrong request."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", help="such as network-from-scratch (default: all)")
    parser.add_argument("--always", action="store_true", help="execute even what is up to date")
    options = parser.parse_args()

    pages = executed_pages()
    if unknown := set(options.pages) - set(pages):
        print(f"no page {sorted(unknown)[0]!r}: there are {', '.join(pages)}", file=sys.stderr)
        return 2
    try:
        device, budget = backend.device(), backend.budget_name()
    except backend.BackendError as error:
        print(error, file=sys.stderr)
        return 2

    stale = []
    for page in options.pages or pages:
        mark = fingerprint(page, device, budget)
        path = BUILD / "executed" / f"{page}.ipynb"
        if options.always or not is_fresh(path, mark):
            stale.append((page, mark, path))
    if not stale:
        print("Outputs are up to date.")
        return 0

    print(f"Executing {len(stale)} of {len(pages)} pages on the {device} (budget: {budget}).")
    BUILD.mkdir(parents=True, exist_ok=True)
    cache = get_cache(BUILD / "cache")
    for i, (page, mark, path) in enumerate(stale, 1):
        start = time.perf_counter()
        try:
            notebook = execute(page, f"[{i}/{len(stale)}]")
        except Exception as error:
            trace = re.sub(r"\x1b\[[0-9;]*m", "", str(error))  # colors do not belong in a log
            print(f"\nbook/{page}.md: a cell failed.\n{trace}", file=sys.stderr)
            return 1
        seconds = time.perf_counter() - start
        print(f"[{i}/{len(stale)}] {page}: {seconds:.0f} s{' ' * 20}", flush=True)
        notebook.metadata["unrolled"] = {"fingerprint": mark, **provenance(seconds)}
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        nbformat.write(notebook, unfinished)
        cache.cache_notebook_bundle(
            CacheBundleIn(notebook, page, data={"execution_seconds": seconds}),
            check_validity=False,
            overwrite=True,
        )
        unfinished.replace(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
