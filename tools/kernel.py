"""Run the cells of a page in a Python process of its own."""

from __future__ import annotations

import asyncio
import re
import signal
import tempfile
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from tqdm import tqdm
from traitlets.config import Config

from pages import BOOK, BUILD, code_cells, read_page

LOG = BUILD / "kernel.log"
FAILURES = CellExecutionError, DeadKernelError


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
    total = len(code_cells(notebook))
    begun = []
    start = time.perf_counter()
    print(f"{number} {page}: {total} cells", flush=True)
    try:
        # A bar in a terminal, nothing in a log.
        with tqdm(
            desc=f"{number} {page}",
            total=total,
            unit=" cells",
            leave=False,
            disable=None,
        ) as bar:

            def begin(cell, cell_index):
                begun.append(cell_index)
                bar.update()

            _execute(notebook, begin)
    except FAILURES as error:
        # Colors do not belong in a log.
        trace = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
        raise PageError(
            f"book/{page}.md:{lines[begun[-1]]}: cell {len(begun)} of {total} "
            f"failed after {time.perf_counter() - start:.0f} s.\n{trace}"
        ) from error
    except RuntimeError as error:
        # The kernel did not even start.
        why = LOG.read_text(errors="replace").strip().rpartition("\n")[2]
        raise PageError(
            f"book/{page}.md: {error} ({why or 'no reason given'})"
        ) from error
    return notebook


def _execute(notebook: nbformat.NotebookNode, begin) -> None:
    """Let nbclient execute a notebook, which it tells ``begin`` of each cell."""
    stopped = False

    # nbclient would kill the kernel, and take that for a failure of the cell.
    def stop_on_signals(notebook):
        execution = asyncio.current_task()

        def stop():
            nonlocal stopped
            stopped = True
            execution.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop)

    # The kernel opens files there, and no ports.
    with (
        tempfile.TemporaryDirectory(prefix="unrolled-") as sockets,
        LOG.open("w") as log,
    ):
        client = NotebookClient(
            notebook,
            timeout=None,
            # Times would stand in the cells, and change their hash.
            record_timing=False,
            # In the Python that runs this.
            kernel_name="python3",
            resources={"metadata": {"path": str(BOOK)}},
            config=Config(
                {"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}}
            ),
            on_notebook_start=stop_on_signals,
            on_cell_execute=begin,
        )
        try:
            client.execute(stderr=log)
        except (*FAILURES, asyncio.CancelledError) as error:
            if stopped:
                raise KeyboardInterrupt from error
            raise
