"""When the outputs of a page are out of date.

A page's fingerprint covers what its outputs depend on: its code cells, the modules of ``unrolled``
that they import (and those that these import), the package's data, the device and the budget, and
the page that was executed before it, where its front matter names one. Prose, comments and
docstrings do not count, so that a mended sentence costs no computation. Nor does the Python that
reads the code: outputs frozen under one version hold under the next.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from typing import Any

import nbformat

from pages import PACKAGE, code_of, page_before, read_page


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
    return _as_text(tree)


def _as_text(tree: Any) -> str:
    """A syntax tree as text, the same under every Python.

    ``ast.dump`` also shows empty fields, and newer versions have more of them; some add empty
    pieces to f-strings.
    """
    if isinstance(tree, ast.JoinedStr):
        pieces = [
            piece for piece in tree.values if getattr(piece, "value", piece) != ""
        ]
        return f"JoinedStr({_as_text(pieces)})"
    if isinstance(tree, list):
        return f"[{', '.join(map(_as_text, tree))}]"
    if not isinstance(tree, ast.AST):
        return repr(tree)
    fields = [
        f"{name}={_as_text(value)}"
        for name, value in ast.iter_fields(tree)
        if value is not None and value != []
    ]
    return f"{type(tree).__name__}({', '.join(fields)})"


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


def _hash(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else part)
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def imported_modules(notebook: nbformat.NotebookNode) -> list[str]:
    """The modules of the package that a page's cells import, and those that these import."""
    lines = "\n".join(code_of(notebook)).splitlines()
    code = "\n".join(line for line in lines if line[:1] not in "%!")
    todo, modules = _imports(ast.parse(code)), set()
    while todo:
        name = todo.pop()
        modules.add(name)
        todo |= _module(name)[1] - modules
    return sorted(modules)


def fingerprint(page: str, device: str, budget: str) -> dict[str, str]:
    """Everything that the outputs of a page depend on, each with a hash of what it is now."""
    notebook = read_page(page)
    parts = {
        "the device": device,
        "the budget": budget,
        "its code": _hash(*code_of(notebook)),
    }
    for name in imported_modules(notebook):
        parts[f"unrolled.{name}"] = _hash(_module(name)[0])
    for path in sorted(PACKAGE.glob("data/*")):
        if path.suffix != ".md":
            parts[f"data/{path.name}"] = _hash(path.read_bytes())
    if before := page_before(page):
        parts[f"the page {before}"] = _hash(str(fingerprint(before, device, budget)))
    return parts


def changes(then: dict[str, str], now: dict[str, str]) -> str:
    """What differs between two fingerprints, in words; empty where nothing does."""
    names = [name for name in {**then, **now} if then.get(name) != now.get(name)]
    return ", ".join(names)
