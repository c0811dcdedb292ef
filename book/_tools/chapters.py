"""Which pages of the book are executed, and when their outputs are out of date.

A page's fingerprint covers what its outputs depend on: its code cells, the modules of ``unrolled``
that they import (and those that these import), the package's data, the device and the budget, and
the page that was executed before it, where its front matter names one. Prose, comments and
docstrings do not count, so that a mended sentence costs no computation.
"""

from __future__ import annotations

import ast
import hashlib
import os
from functools import cache
from pathlib import Path

import nbformat
from myst_nb.core.read import is_myst_markdown_notebook, read_myst_markdown_notebook

ROOT = Path(__file__).parents[2]
BOOK = ROOT / "book"
PACKAGE = ROOT / "code" / "unrolled"

#: Where results go. The tests build a book of their own elsewhere.
BUILD = Path(os.environ.get("UNROLLED_BUILD") or ROOT / "_build")


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


def read_page(page: str) -> nbformat.NotebookNode:
    """Read a page as the notebook that it is."""
    path = BOOK / f"{page}.md"
    return read_myst_markdown_notebook(path.read_text(encoding="utf-8"), path=path)


def _without_docstrings(tree: ast.AST) -> str:
    """A module's syntax tree as text, free of docstrings (comments never get into it)."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            node.body = body[1:]
    return ast.dump(tree)


def _imports(tree: ast.AST) -> set[str]:
    """The modules of the package that a piece of code imports, such as ``network``."""
    dotted = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            dotted |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            dotted |= {f"{node.module}.{alias.name}" for alias in node.names}
    names = {name.split(".")[1] for name in dotted if name.startswith("unrolled.")}
    return {name for name in names if (PACKAGE / f"{name}.py").exists()}


@cache
def _module(name: str) -> tuple[str, frozenset[str]]:
    """A module's code, free of docstrings, and the modules of the package it imports."""
    tree = ast.parse((PACKAGE / f"{name}.py").read_text(encoding="utf-8"))
    return _without_docstrings(tree), frozenset(_imports(tree))


def fingerprint(page: str, device: str, budget: str) -> str:
    """A hash of everything that the outputs of a page depend on."""
    cells = [
        cell.source for cell in read_page(page).cells if cell.cell_type == "code"
    ]
    code = "\n".join(
        line for cell in cells for line in cell.splitlines() if line[:1] not in "%!"
    )
    todo, modules = _imports(ast.parse(code)), set()
    while todo:
        name = todo.pop()
        modules.add(name)
        todo |= _module(name)[1] - modules

    before = page_before(page)
    digest = hashlib.sha256()
    for part in (
        *cells,
        *(_module(name)[0] for name in sorted(modules)),
        device,
        budget,
        fingerprint(before, device, budget) if before else "",
    ):
        digest.update(part.encode())
        digest.update(b"\0")
    for path in sorted(PACKAGE.glob("data/*")):
        if path.suffix != ".md":
            digest.update(path.read_bytes())
    return digest.hexdigest()
