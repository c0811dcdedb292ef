"""The pages of the book that are executed, and the homes of their outputs."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict
from functools import cache
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn, JupyterCacheAbstract
from myst_nb.core.read import is_myst_markdown_notebook, read_myst_markdown_notebook

from provenance import Provenance

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "book"
PACKAGE = ROOT / "code" / "unrolled"

#: Where results go. The tests build a book of their own elsewhere.
BUILD = Path(os.environ.get("UNROLLED_BUILD") or ROOT / "_build")

#: Two homes of executed pages: those kept in the repository, and those made on this machine. For
#: each page the site shows one of the two, which it finds in MyST-NB's cache.
FROZEN = BOOK / "_frozen"
EXECUTED = BUILD / "executed"


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


def device_of(page: str) -> str:
    """The device that a page asks for itself, ``device:`` in its front matter; empty: any."""
    return read_page(page).metadata.get("device", "")


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


# ------------------------------------------------------------------------- what the site shows


def _unfinished(build: Path) -> Path:
    """The file that is there while something is written into the site's cache."""
    return build / "cache.unfinished"


@cache
def _site(build: Path) -> JupyterCacheAbstract:
    """The cache from which MyST-NB takes outputs when Sphinx builds the site.

    It is written in place. One whose writer was cut short is begun anew, from the pages' homes.
    """
    if _unfinished(build).exists():
        shutil.rmtree(build / "cache", ignore_errors=True)
        _unfinished(build).unlink()
    return get_cache(build / "cache")


def show(page: str, outputs: nbformat.NotebookNode, made: Provenance) -> None:
    """Give a page's outputs to the site: the page's cells as they are now, and the outputs.

    MyST-NB knows a page by its cells' code *and* settings. So a new caption needs a new entry in
    the cache, but no execution.
    """
    shown_now = shown(page)
    if shown_now and Provenance.of(shown_now) == made:
        return
    notebook = read_page(page)
    for cell, done in zip(code_cells(notebook), code_cells(outputs), strict=True):
        cell.outputs, cell.execution_count = done.outputs, done.execution_count
    bundle = CacheBundleIn(notebook, page, data=asdict(made))
    _unfinished(BUILD).touch()
    _site(BUILD).cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    _unfinished(BUILD).unlink()


def shown(page: str, build: Path = BUILD) -> nbformat.NotebookNode | None:
    """The page with the outputs that the site shows; None where it has none."""
    try:
        key, notebook = _site(build).merge_match_into_notebook(read_page(page))
    except KeyError:
        return None
    Provenance(**_site(build).get_cache_record(key).data).write_to(notebook)
    return notebook


def shown_path(page: str) -> Path:
    """The file that is written anew whenever the site shows other outputs of a page."""
    record = _site(BUILD).match_cache_notebook(read_page(page))
    return BUILD / "cache" / "executed" / record.hashkey / "base.ipynb"
