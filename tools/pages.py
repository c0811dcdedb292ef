"""The pages of the book that are executed, and the homes of their outputs."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
from myst_nb.core.read import is_myst_markdown_notebook, read_myst_markdown_notebook

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "book"
PACKAGE = ROOT / "code" / "unrolled"

#: Where results go. The tests build a book of their own elsewhere.
BUILD = Path(os.environ.get("UNROLLED_BUILD") or ROOT / "_build")

#: Three homes of executed pages: those kept in the repository, those made on this machine, and,
#: for each page, the one of the two that the site shows.
FROZEN = BOOK / "_frozen"
EXECUTED = BUILD / "executed"
SHOWN = BUILD / "shown"


def executed_pages() -> list[str]:
    """The names of the pages with code cells, such as ``appendix/from-theano-to-pytensor``.

    A page that uses what another leaves behind comes after it.
    """
    pages = sorted(
        path.relative_to(BOOK).with_suffix("").as_posix()
        for path in BOOK.rglob("*.md")
        if is_myst_markdown_notebook(path.read_text(encoding="utf-8"))
    )
    return sorted(pages, key=lambda page: page_before(page) is not None)


def page_before(page: str) -> str | None:
    """The page that has to be executed before this one: ``after:`` in its front matter."""
    return read_page(page).metadata.get("after")


def read_page(page: str, lines: bool = False) -> nbformat.NotebookNode:
    """Read a page as the notebook that it is; ``lines`` adds where its cells begin."""
    path = BOOK / f"{page}.md"
    return read_myst_markdown_notebook(
        path.read_text(encoding="utf-8"), path=path, add_source_map=lines
    )


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The code cells of a notebook."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def code_of(notebook: nbformat.NotebookNode) -> list[str]:
    """The code cells of a notebook, as text."""
    return [cell.source for cell in code_cells(notebook)]
