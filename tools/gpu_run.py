#!/usr/bin/env python3
"""Keep what chapter 2 measured on a GPU, for its readers without one.

The chapter glues its measurements together as ``measured``. Where its newest outputs, frozen or
executed, were made on a GPU, they go to ``unrolled/data/gpu_run.json``, with their provenance::

    make html DEVICE=gpu && .venv/bin/python tools/gpu_run.py
"""

from __future__ import annotations

import ast
import json
from typing import Any

import nbformat

from pages import EXECUTED, FROZEN, PACKAGE, code_cells
from provenance import Provenance
from unrolled import command_line
from unrolled.errors import UserError

PAGE = "theano-and-the-gpu"
KEPT = PACKAGE / "data" / "gpu_run.json"
MADE = ("name", "driver", "processor", "cores", "date", "commit", "budget", "versions")


def glued(notebook: nbformat.NotebookNode, name: str) -> Any:
    """The value that a page glued under a name.

    Raises
    ------
    KeyError
        If there is none.
    """
    for cell in code_cells(notebook):
        for output in cell.outputs:
            book = output.get("metadata", {}).get("scrapbook", {})
            if book.get("name") == name:
                prefix = book["mime_prefix"]
                return ast.literal_eval(output["data"][f"{prefix}text/plain"])
    raise KeyError(name)


def record(notebook: nbformat.NotebookNode) -> dict[str, Any]:
    """What is kept of a page: what it measured, and its provenance.

    Raises
    ------
    ValueError
        If it was not made on a GPU.
    KeyError
        If it glued no measurements.
    """
    made = Provenance.of(notebook)
    if made.device != "gpu":
        raise ValueError(f"{PAGE} was made on a {made.device}, not on a GPU")
    return {
        "made": {name: getattr(made, name) for name in MADE},
        "measured": glued(notebook, "measured"),
    }


def main() -> None:
    """Keep the newest record.

    Raises
    ------
    UserError
        If there is none.
    """
    paths = [folder / f"{PAGE}.ipynb" for folder in (EXECUTED, FROZEN)]
    said = [f"{PAGE} has no outputs"]
    for path in filter(lambda path: path.exists(), paths):
        try:
            found = record(nbformat.read(path, 4))
        except (KeyError, ValueError) as error:
            said.append(str(error))
            continue
        KEPT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(f"{KEPT.name}: {found['made']['name']}, {found['made']['date']}")
        return
    raise UserError(said[-1])


if __name__ == "__main__":
    command_line.run(main, name="Error")
