"""Run the cells of a page in a Python process of its own."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import tempfile
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from traitlets.config import Config

from environment import Progress
from pages import BOOK, BUILD, PACKAGE, read_page


class PageError(Exception):
    """A cell failed; the message names it, and shows the traceback."""


def run(page: str, number: str) -> nbformat.NotebookNode:
    """Run a page's cells in a fresh kernel, showing how far it is.

    What libraries write past Python's own output goes to ``_build/kernel.log``.

    Raises
    ------
    PageError
        If a cell fails, or its process dies.
    KeyboardInterrupt
        On Ctrl-C, and when the program is told to end. The kernel ends, too.
    """
    notebook = read_page(page, lines=True)
    lines = notebook.metadata.pop("source_map")
    cells = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    progress = Progress()
    where = cells[0]
    stopped = False

    def show(cell, cell_index):
        nonlocal where
        if cell.cell_type == "code":
            where = cell_index
            done = cells.index(where) + 1
            progress.show(f"{number} {page}: cell {done} of {len(cells)}")

    def stop_on_signals(notebook):
        execution = asyncio.current_task()

        def stop():  # nbclient then ends the kernel in good order
            nonlocal stopped
            stopped = True
            execution.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop)

    start = time.perf_counter()
    print(f"{number} {page}: {len(cells)} cells", flush=True)
    try:
        # The kernel opens files there, and no ports.
        with (
            tempfile.TemporaryDirectory(prefix="unrolled-") as sockets,
            (BUILD / "kernel.log").open("w") as log,
        ):
            client = NotebookClient(
                notebook,
                timeout=None,
                record_timing=False,  # it would stand in the cells, and change their hash
                kernel_name="python3",  # in the Python that runs this
                resources={"metadata": {"path": str(BOOK)}},
                config=Config(
                    {"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}}
                ),
                on_notebook_start=stop_on_signals,
                on_cell_execute=show,
            )
            client.execute(env=environment(), stderr=log)
    except (CellExecutionError, DeadKernelError, asyncio.CancelledError) as error:
        if stopped:
            raise KeyboardInterrupt from error
        # Colors do not belong in a log.
        trace = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
        raise PageError(
            f"book/{page}.md:{lines[where]}: cell {cells.index(where) + 1} of {len(cells)} "
            f"failed after {time.perf_counter() - start:.0f} s.\n{trace}"
        ) from error
    except RuntimeError as error:  # the kernel did not even start
        why = (
            (BUILD / "kernel.log")
            .read_text(errors="replace")
            .strip()
            .rpartition("\n")[2]
        )
        raise PageError(
            f"book/{page}.md: {error} ({why or 'no reason given'})"
        ) from error
    finally:
        progress.end()
    return notebook


def environment() -> dict[str, str]:
    """The environment of a kernel: it finds the package even where that is not installed."""
    known = os.environ.get("PYTHONPATH", "")
    paths = [str(PACKAGE.parent), *filter(None, known.split(os.pathsep))]
    paths = map(os.path.abspath, paths)  # the kernel runs in another folder
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
